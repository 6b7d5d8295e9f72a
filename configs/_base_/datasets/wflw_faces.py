_base_ = ['./star_pipelines.py']

data = dict(layout='wflw98', data_root='data/wflw/')
train_dataloader = dict(dataset=dict(**data, ann_file='annotations/face_landmarks_wflw_train.json'))
val_dataloader = dict(dataset=dict(**data, ann_file='annotations/face_landmarks_wflw_test.json'))
test_dataloader = val_dataloader

val_evaluator = dict(type='FaceAlignmentMetric', layout='wflw98', norm='inter_ocular', threshold=0.1)
test_evaluator = val_evaluator
