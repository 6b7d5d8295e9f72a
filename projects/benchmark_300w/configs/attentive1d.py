# P3: marginal heatmaps of three times the input's side, co-attention
_base_ = ['./_base_.py']
length = 384
# sigma: one cell of the features, as the default L / 64 is for features of 64 x 64
codec = dict(type='MarginalHeatmap', input_size=_base_.input_size, length=length, sigma=length / 32)
model = dict(
    head=dict(
        type='CoAttentionMarginalHead',
        layout='300w68',
        in_channels=_base_.width,
        feature_size=32,
        length=length,
        gamma=0.4,
        decoder=codec))
find_unused_parameters = True  # the network's own heatmaps take no part in the loss
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
