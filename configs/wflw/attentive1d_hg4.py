# python tools/train.py configs/wflw/attentive1d_hg4.py
# 10 faces a step: 1 GPU x 10.
# WFLW, NME inter-ocular: not in the paper, not measured here
_base_ = ['../_base_/datasets/wflw.py', '../_base_/methods/attentive1d.py']
from mmfld.engine.combine import combine

combine(globals())
