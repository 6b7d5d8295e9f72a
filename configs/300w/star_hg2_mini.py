_base_ = [
    '../_base_/datasets/300w_mini.py', '../_base_/models/hourglass_aam.py', '../_base_/schedules/mini.py'
]
codec = dict(
    type='BoundaryAwareHeatmap',
    layout='300w68',
    input_size=_base_.input_size,
    heatmap_size=_base_.heatmap_size,
    with_maps=False)
model = dict(
    # the network of structured_hg2_mini.py but for the activation
    backbone=dict(
        layout='300w68', heatmap_activation='in_relu', use_aam=False, num_stacks=2, num_levels=3, width=128),
    head=dict(type='STARHead', layout='300w68', loss_landmark=dict(type='STARLoss'), decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
