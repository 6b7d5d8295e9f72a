# MMPose's own head for one-dimensional distributions: two bins a pixel; sigma is that of MMPose's 256 px, halved
_base_ = ['./_base_.py']
codec = dict(type='SimCCLabel', input_size=_base_.input_size, sigma=3., simcc_split_ratio=2.)
model = dict(
    neck=dict(type='StackFeatures'),
    head=dict(
        type='SimCCHead',
        in_channels=_base_.width,
        out_channels=68,
        input_size=_base_.input_size,
        in_featuremap_size=_base_.heatmap_size,
        simcc_split_ratio=2.,
        deconv_out_channels=None,
        loss=dict(type='KLDiscretLoss', use_target_weight=True),
        decoder=codec))
# this head computes the accuracy of every batch, which bfloat16 does not allow
optim_wrapper = dict(_delete_=True, type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-3))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
