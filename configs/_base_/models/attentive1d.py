_base_ = ['./fan.py']
# P3's detector: FAN, with the 4 stacks of its 2017 release as the number is not printed. A method's config adds layout
# and codec.
model = dict(backbone=dict(num_stacks=4), head=dict(type='CoAttentionMarginalHead', in_channels=256, length=768))
# the last stack's own heatmaps take no part in the loss
find_unused_parameters = True
