# P1: smooth-l1 margin and image-aware label smoothing
_base_ = ['./_base_.py']
codec = dict(
    type='ImageAwareSmoothing', layout='300w68', input_size=_base_.input_size, heatmap_size=_base_.heatmap_size,
    with_maps=False)
model = dict(
    head=dict(
        type='StructuredHeatmapHead',
        layout='300w68',
        loss_landmark=dict(type='StructuredHeatmapLoss', margin='smooth_l1', loss_weight=5000.),
        decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
