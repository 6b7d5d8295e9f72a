# python tools/train.py configs/300w/subpixel_hg2.py
# 10 faces a step: 1 GPU x 10.
# 300W full, NME inter-ocular (all / common / challenge): 2.94 / 2.61 / 4.13 in the paper, not measured here
_base_ = ['../_base_/datasets/300w.py', '../_base_/methods/subpixel.py']
from mmfld.engine.combine import combine

combine(globals())
