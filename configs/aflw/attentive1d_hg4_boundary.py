# python tools/train.py configs/aflw/attentive1d_hg4_boundary.py
# 10 faces a step: 1 GPU x 10.
# AFLW, NME by the side of the box: 1.20 in the paper, not measured here
_base_ = ['../_base_/datasets/aflw.py', '../_base_/methods/attentive1d.py']
# Ours+LAB of Table 3: boundaries found as one-dimensional heatmaps guide the search for landmarks. The paper's number
# is of LAB with boundaries found in this way. This is a simpler system than LAB: no hourglass merges boundaries into
# the features, no adversary judges them, and a boundary is the product of its marginals, not the curve itself
codec = dict(type='BoundaryMarginalHeatmap')
model = dict(head=dict(type='BoundaryMarginalHead', gamma=0.5))
from mmfld.engine.combine import combine

combine(globals())
