_base_ = [
    '../_base_/datasets/aflw_faces.py', '../_base_/datasets/subpixel_pipelines.py', '../_base_/models/fan.py',
    '../_base_/schedules/adam_50e.py'
]
model = dict(
    type='SiameseTopdownPoseEstimator',
    backbone=dict(layout='aflw19'),
    head=dict(type='SubpixelHeatmapHead', layout='aflw19', decoder=_base_.codec))
train_dataloader = dict(batch_size=10, dataset=dict(pipeline=_base_.siamese_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.subpixel_test_pipeline))
test_dataloader = val_dataloader
