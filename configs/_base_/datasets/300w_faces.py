_base_ = ['./star_pipelines.py']

data = dict(layout='300w68', data_root='data/300w/')
train_dataloader = dict(dataset=dict(**data, ann_file='annotations/face_landmarks_300w_train.json'))
val_dataloader = dict(dataset=dict(**data, ann_file='annotations/face_landmarks_300w_valid.json'))
test_dataloader = val_dataloader

val_evaluator = dict(type='FaceAlignmentMetric', layout='300w68', norm='inter_ocular', threshold=0.05)
test_evaluator = val_evaluator
