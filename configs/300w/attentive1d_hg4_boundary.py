# python tools/train.py configs/300w/attentive1d_hg4_boundary.py
# 10 faces a step: 1 GPU x 10.
# 300W full, NME inter-ocular (all / common / challenge): 3.18 / 2.75 / 4.94 in the paper, not measured here
_base_ = ['../_base_/datasets/300w.py', '../_base_/methods/attentive1d.py']
# Ours+LAB of Table 3: boundaries found as one-dimensional heatmaps guide the search for landmarks. The paper's number
# is of LAB with boundaries found in this way. This is a simpler system than LAB: no hourglass merges boundaries into
# the features, no adversary judges them, and a boundary is the product of its marginals, not the curve itself
codec = dict(type='BoundaryMarginalHeatmap')
model = dict(head=dict(type='BoundaryMarginalHead'))
from mmfld.engine.combine import combine

combine(globals())
