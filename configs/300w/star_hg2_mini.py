# python tools/train.py configs/300w/star_hg2_mini.py
# 16 faces a step: 1 GPU x 16.
# 300W common, NME inter-ocular: not in the paper, 3.383 here
_base_ = ['../_base_/datasets/300w_mini.py', '../_base_/methods/mini.py']
codec = dict(type='BoundaryAwareHeatmap')
model = dict(
    backbone=dict(heatmap_activation='in_relu'),
    head=dict(type='StackedHeatmapHead', target='keypoint_labels', loss_landmark=dict(type='STARLoss')),
)
from mmfld.engine.combine import combine

combine(globals())
