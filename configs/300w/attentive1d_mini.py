# P3 on the network of structured_hg2_mini.py: marginal heatmaps of three times the input's side
_base_ = [
    '../_base_/datasets/300w_mini.py', '../_base_/models/hourglass_aam.py', '../_base_/schedules/mini.py'
]
length = 384
# sigma: one cell of the features, as the default L / 64 is for features of 64 x 64
codec = dict(type='MarginalHeatmap', input_size=_base_.input_size, length=length, sigma=length / 32)
model = dict(
    backbone=dict(
        layout='300w68', heatmap_activation='none', use_aam=False, num_stacks=2, num_levels=3, width=128),
    head=dict(
        type='CoAttentionMarginalHead',
        layout='300w68',
        in_channels=128,
        feature_size=32,
        length=length,
        gamma=0.4,
        decoder=codec))
# the last stack's own heatmaps take no part in the loss
find_unused_parameters = True
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
