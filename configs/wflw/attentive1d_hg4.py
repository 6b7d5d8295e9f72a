# P3: Adam 1e-4, 10 faces a step. Number of epochs and drops of the learning rate are not printed; they are P2's.
_base_ = [
    '../_base_/datasets/wflw_faces.py', '../_base_/datasets/attentive1d_pipelines.py',
    '../_base_/models/attentive1d.py', '../_base_/schedules/adam_50e.py'
]
model = dict(
    backbone=dict(layout='wflw98'),
    # gamma: P3 has no WFLW; its value for 300W
    head=dict(layout='wflw98', gamma=0.4, decoder=_base_.marginal_codec))
train_dataloader = dict(batch_size=10, dataset=dict(pipeline=_base_.attentive1d_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.subpixel_test_pipeline))
test_dataloader = val_dataloader
