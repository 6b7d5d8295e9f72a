# P4
_base_ = ['./_base_.py']
codec = dict(
    type='BoundaryAwareHeatmap', layout='300w68', input_size=_base_.input_size, heatmap_size=_base_.heatmap_size,
    with_maps=False)
model = dict(
    backbone=dict(heatmap_activation='in_relu'),
    head=dict(type='STARHead', layout='300w68', loss_landmark=dict(type='STARLoss'), decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
