# python tools/train.py configs/300w/subpixel_mini.py
# 16 faces a step: 1 GPU x 16.
# 300W common, NME inter-ocular: not in the paper, not measured here
_base_ = ['../_base_/datasets/300w_mini.py', '../_base_/methods/mini.py']
# without Siamese training; the heatmaps start near zero, as those of ../_base_/methods/subpixel.py
codec = dict(type='ContinuousHeatmap')
model = dict(
    backbone=dict(init_cfg=dict(type='Normal', std=0.001, override=dict(name='out_heatmaps'))),
    head=dict(
        type='StackedHeatmapHead',
        target='heatmaps',
        loss_landmark=dict(type='KeypointMSELoss', use_target_weight=True),
        stack_weights=(1.0, 1.0),
    ),
)
from mmfld.engine.combine import combine

combine(globals())
