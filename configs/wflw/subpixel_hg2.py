# python tools/train.py configs/wflw/subpixel_hg2.py
# 10 faces a step: 1 GPU x 10.
# WFLW, NME inter-ocular: 3.72 in the paper, not measured here
_base_ = ['../_base_/datasets/wflw.py', '../_base_/methods/subpixel.py']
from mmfld.engine.combine import combine

combine(globals())
