# P2: continuous heatmaps, local soft-argmax
_base_ = ['./_base_.py']
codec = dict(type='ContinuousHeatmap', input_size=_base_.input_size, heatmap_size=_base_.heatmap_size)
model = dict(
    # The heatmaps start near zero, as those of MMPose's head: against a squared error, the noise of PyTorch's default
    # would have to be unlearned first (9 % instead of 69 % NME after the first epoch).
    backbone=dict(
        init_cfg=dict(
            type='Normal', layer='none', std=0.001,
            override=dict(name='out_heatmaps', type='Normal', layer='Conv2d', std=0.001))),
    head=dict(type='SubpixelHeatmapHead', layout='300w68', stack_weights=(1., ), decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
