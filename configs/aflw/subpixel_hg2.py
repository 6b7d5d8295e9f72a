# python tools/train.py configs/aflw/subpixel_hg2.py
# 10 faces a step: 1 GPU x 10.
# AFLW, NME by the side of the box: 1.31 in the paper, not measured here
_base_ = ['../_base_/datasets/aflw.py', '../_base_/methods/subpixel.py']
from mmfld.engine.combine import combine

combine(globals())
