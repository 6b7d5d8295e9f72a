_base_ = ['../_base_/datasets/300w.py', '../_base_/methods/attentive1d.py']
from mmfld.engine.combine import combine
combine(globals())
