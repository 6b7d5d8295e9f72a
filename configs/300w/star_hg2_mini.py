# python tools/train.py configs/300w/star_hg2_mini.py
# 16 faces a step: 1 GPU x 16.
# 300W common, NME inter-ocular: not in the paper, 3.399 here
_base_ = ['../_base_/datasets/300w_mini.py', '../_base_/methods/mini.py']
crop = dict(rule='landmark_height', padding=1.1)  # what is measured of it is in this crop
codec = dict(type='BoundaryAwareHeatmap')
model = dict(
    backbone=dict(heatmap_activation='in_relu'),
    head=dict(type='StackedHeatmapHead', target='keypoint_labels', loss_landmark=dict(type='STARLoss')),
)
from mmfld.engine.combine import combine

combine(globals())
