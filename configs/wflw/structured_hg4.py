_base_ = ['../_base_/datasets/wflw.py', '../_base_/methods/structured.py']
from mmfld.engine.combine import combine
combine(globals())
