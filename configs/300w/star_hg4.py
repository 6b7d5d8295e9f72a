_base_ = ['../_base_/datasets/300w.py', '../_base_/methods/star.py']
from mmfld.engine.combine import combine
combine(globals())
