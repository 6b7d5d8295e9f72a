# python tools/train.py configs/300w/attentive1d_mini.py
# 16 faces a step: 1 GPU x 16.
# 300W common, NME inter-ocular: not in the paper, 3.368 here
_base_ = ['../_base_/datasets/300w_mini.py', '../_base_/methods/attentive1d_mini.py']
from mmfld.engine.combine import combine

combine(globals())
