# python tools/train.py configs/300w/structured_hg2_mini.py
# 16 faces a step: 1 GPU x 16.
# 300W common, NME inter-ocular: not in the paper, 3.030 here
_base_ = ['../_base_/datasets/300w_mini.py', '../_base_/methods/mini.py']
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
