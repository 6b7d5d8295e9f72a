# Attentive one-dimensional heatmap regression (Yin et al., 2020): marginal heatmaps of L = 3 F bins, 10 faces a step.
# FAN has the 4 stacks of its 2017 release, as the number is not printed; nor are epochs, crop and augmentation.
_base_ = ['../default_runtime.py', './fan.py']
codec = dict(type='MarginalHeatmap', input_size=(256, 256), length=768)
model = dict(
    backbone=dict(num_stacks=4),
    # gamma: the paper's for 300W and 300VW, by cross validation
    head=dict(type='CoAttentionMarginalHead', in_channels=256, gamma=0.4),
)
# the last stack's own heatmaps take no part in the loss
find_unused_parameters = True
train_pipeline = _base_.single_pipeline
train_dataloader = dict(batch_size=10)
