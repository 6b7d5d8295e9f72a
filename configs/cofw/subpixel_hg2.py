_base_ = [
    '../_base_/datasets/cofw_faces.py', '../_base_/datasets/subpixel_pipelines.py', '../_base_/models/fan.py',
    '../_base_/schedules/adam_50e.py'
]
model = dict(
    type='SiameseTopdownPoseEstimator',
    backbone=dict(layout='cofw29'),
    head=dict(type='SubpixelHeatmapHead', layout='cofw29', decoder=_base_.codec))
train_dataloader = dict(batch_size=10, dataset=dict(pipeline=_base_.siamese_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.subpixel_test_pipeline))
test_dataloader = val_dataloader

# P2 reports COFW by the inter-ocular distance
val_evaluator = dict(norm='inter_ocular')
test_evaluator = val_evaluator
