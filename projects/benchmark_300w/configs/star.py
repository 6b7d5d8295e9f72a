_base_ = ['../../../configs/_base_/datasets/300w_mini.py', './_base_.py']
codec = dict(type='BoundaryAwareHeatmap')
model = dict(
    backbone=dict(heatmap_activation='in_relu'),
    head=dict(type='StackedHeatmapHead', target='keypoint_labels', loss_landmark=dict(type='STARLoss')),
)
from mmfld.engine.combine import combine

combine(globals())
