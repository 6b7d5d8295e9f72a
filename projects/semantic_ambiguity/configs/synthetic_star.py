_base_ = ['./300w_star.py']

data = dict(data_root='data/synthetic_noise/')
train_dataloader = dict(dataset=dict(**data, ann_file='annotations/synthetic_300w68_train.json'))
test_dataloader = dict(dataset=dict(**data, ann_file='annotations/synthetic_300w68_test.json'))
train_cfg = dict(max_epochs=8)
