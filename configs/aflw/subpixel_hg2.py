_base_ = ['../_base_/datasets/aflw.py', '../_base_/methods/subpixel.py']
from mmfld.engine.combine import combine
combine(globals())
