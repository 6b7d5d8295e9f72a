_base_ = ['../_base_/datasets/wflw.py', '../_base_/methods/star.py']
from mmfld.engine.combine import combine
combine(globals())
