# python tools/train.py configs/300w/subpixel_mini.py
# 16 faces a step: 1 GPU x 16.
# 300W common, NME inter-ocular: not in the paper, 3.401 here
_base_ = ['../_base_/datasets/300w_mini.py', '../_base_/methods/mini.py']
# without Siamese training
codec = dict(type='ContinuousHeatmap')
model = dict(head=dict(type='SubpixelHeatmapHead'))
from mmfld.engine.combine import combine
combine(globals())
