_base_ = ['../_base_/datasets/300w_mini.py', '../_base_/methods/mini.py']
# without Siamese training
codec = dict(type='ContinuousHeatmap')
model = dict(head=dict(type='SubpixelHeatmapHead'))
from mmfld.engine.combine import combine
combine(globals())
