_base_ = ['../../../configs/_base_/datasets/300w_mini.py', './_base_.py']
# marginal heatmaps of three times the input's side, co-attention
# sigma: one cell of the features, as the default L / 64 is for features of 64 x 64
codec = dict(_delete_=True, type='MarginalHeatmap', input_size=_base_.codec.input_size, length=384, sigma=384 / 32)
model = dict(
    head=dict(type='CoAttentionMarginalHead', in_channels=_base_.model.backbone.width, feature_size=32, gamma=0.4)
)
find_unused_parameters = True  # the network's own heatmaps take no part in the loss
from mmfld.engine.combine import combine

combine(globals())
