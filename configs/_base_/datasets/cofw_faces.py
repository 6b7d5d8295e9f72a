_base_ = ['./star_pipelines.py']

data = dict(layout='cofw29', data_root='data/cofw/')
train_dataloader = dict(dataset=dict(**data, ann_file='annotations/cofw_train.json'))
val_dataloader = dict(dataset=dict(**data, ann_file='annotations/cofw_test.json'))
test_dataloader = val_dataloader

# P1 and P4 report COFW by the inter-pupil distance
val_evaluator = dict(type='FaceAlignmentMetric', layout='cofw29', norm='inter_pupil', threshold=0.1)
test_evaluator = val_evaluator
