# Split II of 300W: 3,148 faces to train on, the full set of 689 to test
_base_ = [
    '../_base_/datasets/300w_faces.py', '../_base_/datasets/subpixel_pipelines.py', '../_base_/models/fan.py',
    '../_base_/schedules/adam_50e.py'
]
model = dict(
    type='SiameseTopdownPoseEstimator',
    backbone=dict(layout='300w68'),
    head=dict(type='SubpixelHeatmapHead', layout='300w68', decoder=_base_.codec))
train_dataloader = dict(batch_size=10, dataset=dict(pipeline=_base_.siamese_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.subpixel_test_pipeline))
test_dataloader = val_dataloader
