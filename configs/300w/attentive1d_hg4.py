# python tools/train.py configs/300w/attentive1d_hg4.py
# 10 faces a step: 1 GPU x 10.
# 300W full, NME inter-ocular (all / common / challenge): 3.38 / 2.91 / 5.31 in the paper, not measured here
_base_ = ['../_base_/datasets/300w.py', '../_base_/methods/attentive1d.py']
from mmfld.engine.combine import combine

combine(globals())
