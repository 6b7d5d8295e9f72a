_base_ = ['../_base_/datasets/cofw.py', '../_base_/methods/star.py']
from mmfld.engine.combine import combine
combine(globals())
