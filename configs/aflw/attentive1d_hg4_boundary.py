_base_ = ['../_base_/datasets/aflw.py', '../_base_/methods/attentive1d.py']
# Ours+LAB of Table 3: boundaries found as one-dimensional heatmaps guide the search for landmarks
codec = dict(type='BoundaryMarginalHeatmap')
model = dict(head=dict(type='BoundaryMarginalHead', gamma=0.5))
from mmfld.engine.combine import combine
combine(globals())
