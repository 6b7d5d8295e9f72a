_base_ = ['../../../configs/_base_/datasets/300w_mini.py', './_base_.py']
# smooth-l1 margin and image-aware label smoothing
codec = dict(type='ImageAwareSmoothing')
model = dict(
    head=dict(
        type='StackedHeatmapHead',
        target='keypoint_samples',
        loss_landmark=dict(type='StructuredHeatmapLoss', margin='smooth_l1', loss_weight=5000.0),
    )
)
from mmfld.engine.combine import combine

combine(globals())
