_base_ = ['../_base_/datasets/cofw.py', '../_base_/methods/structured.py']
codec = dict(gamma=0.001)
from mmfld.engine.combine import combine
combine(globals())
