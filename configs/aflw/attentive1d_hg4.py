# python tools/train.py configs/aflw/attentive1d_hg4.py
# 10 faces a step: 1 GPU x 10.
# AFLW, NME by the side of the box: 1.32 in the paper, not measured here
_base_ = ['../_base_/datasets/aflw.py', '../_base_/methods/attentive1d.py']
# gamma: the paper's, by cross validation
model = dict(head=dict(gamma=0.5))
from mmfld.engine.combine import combine

combine(globals())
