_base_ = ['./star_pipelines.py']

layout = 'wflw98'
dataset = dict(type='FaceLandmarkDataset', layout=layout, data_root='data/wflw/', data_prefix=dict(img='images/'))

# 128 faces a step: 4 GPUs x 32
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**dataset, ann_file='annotations/face_landmarks_wflw_train.json', seed=0, pipeline=_base_.augmentation))
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(**dataset, ann_file='annotations/face_landmarks_wflw_test.json', test_mode=True, pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='FaceAlignmentMetric', layout=layout, norm='inter_ocular', threshold=0.1)
test_evaluator = val_evaluator
