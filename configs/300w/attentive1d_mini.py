_base_ = ['../_base_/datasets/300w_mini.py', '../_base_/methods/attentive1d_mini.py']
from mmfld.engine.combine import combine
combine(globals())
