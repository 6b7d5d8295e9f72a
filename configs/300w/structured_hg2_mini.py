_base_ = [
    '../_base_/datasets/300w_mini.py', '../_base_/models/hourglass_aam.py', '../_base_/schedules/mini.py'
]
codec = dict(
    type='ImageAwareSmoothing',
    layout='300w68',
    input_size=_base_.input_size,
    heatmap_size=_base_.heatmap_size,
    with_maps=False)
model = dict(
    # without attention maps: short trials showed no gain from them, and they cost about a quarter of the step time
    backbone=dict(
        layout='300w68', heatmap_activation='none', use_aam=False, num_stacks=2, num_levels=3, width=128),
    head=dict(
        type='StructuredHeatmapHead',
        layout='300w68',
        loss_landmark=dict(type='StructuredHeatmapLoss', margin='smooth_l1', loss_weight=5000.),
        decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
