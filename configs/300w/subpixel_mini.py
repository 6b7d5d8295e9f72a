# P2 without Siamese training, on the network of structured_hg2_mini.py
_base_ = [
    '../_base_/datasets/300w_mini.py', '../_base_/models/hourglass_aam.py', '../_base_/schedules/mini.py'
]
codec = dict(type='ContinuousHeatmap', input_size=_base_.input_size, heatmap_size=_base_.heatmap_size)
model = dict(
    backbone=dict(
        layout='300w68', heatmap_activation='none', use_aam=False, num_stacks=2, num_levels=3, width=128),
    head=dict(type='SubpixelHeatmapHead', layout='300w68', decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
