# P2: continuous heatmaps, local soft-argmax
_base_ = ['./_base_.py']
codec = dict(type='ContinuousHeatmap', input_size=_base_.input_size, heatmap_size=_base_.heatmap_size)
model = dict(head=dict(type='SubpixelHeatmapHead', layout='300w68', stack_weights=(1., ), decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
