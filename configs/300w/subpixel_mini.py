# python tools/train.py configs/300w/subpixel_mini.py
# 16 faces a step: 1 GPU x 16.
# 300W common, NME inter-ocular: not in the paper, 3.058 here
_base_ = ['../_base_/datasets/300w_mini.py', '../_base_/methods/mini.py']
# without Siamese training; the heatmaps start near zero, as those of ../_base_/methods/subpixel.py: 3.20 % NME on the
# held-out faces, and 3.56 with PyTorch's default initialisation (row mini-default-init of projects/reproduce, in the
# padded height)
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
