_base_ = [
    '../_base_/datasets/300w_mini.py', '../_base_/models/hourglass_aam.py', '../_base_/schedules/mini.py'
]
codec = dict(type='ImageAwareSmoothing', layout='300w68', input_size=(128, 128), heatmap_size=(32, 32))
model = dict(
    backbone=dict(layout='300w68', heatmap_activation='none', num_stacks=2, num_levels=3, width=128),
    head=dict(type='StructuredHeatmapHead', layout='300w68', decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
