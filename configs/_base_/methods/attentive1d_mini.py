# Marginal heatmaps of three times the input's side on the network of the minis
_base_ = ['./mini.py']
# sigma: one cell of the features, as the default L / 64 is for features of 64 x 64
codec = dict(_delete_=True, type='MarginalHeatmap', input_size=_base_.codec.input_size, length=384, sigma=384 / 32)
model = dict(head=dict(type='CoAttentionMarginalHead', in_channels=128, feature_size=32, channels=96, gamma=0.4))
# the last stack's own heatmaps take no part in the loss
find_unused_parameters = True
