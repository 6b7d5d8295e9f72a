_base_ = ['./star_pipelines.py']

data = dict(layout='aflw19', data_root='data/aflw/')
train_dataloader = dict(dataset=dict(**data, ann_file='annotations/face_landmarks_aflw_train.json'))
val_dataloader = dict(dataset=dict(**data, ann_file='annotations/face_landmarks_aflw_test.json'))
test_dataloader = val_dataloader

# by the side of the annotated box, which the literature calls face size or diagonal; the box norm is that of AUC at 7 %
val_evaluator = [
    dict(type='FaceAlignmentMetric', layout='aflw19', norm='box_side', threshold=0.1),
    dict(type='FaceAlignmentMetric', layout='aflw19', norm='box', threshold=0.07, per_area=False, prefix='box'),
]
test_evaluator = val_evaluator
