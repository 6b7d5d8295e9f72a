# MMPose's own head: Gaussian heatmaps, mean squared error, quarter shift (the codec of its 300W configs)
_base_ = ['./_base_.py']
codec = dict(type='MSRAHeatmap', input_size=_base_.input_size, heatmap_size=_base_.heatmap_size, sigma=1.5)
model = dict(
    neck=dict(type='StackFeatures'),
    head=dict(
        type='HeatmapHead',
        in_channels=_base_.width,
        out_channels=68,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=codec),
    # the accuracy of a batch cannot be computed in bfloat16
    train_cfg=dict(compute_acc=False))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
