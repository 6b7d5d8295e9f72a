_base_ = ['../_base_/datasets/cofw.py', '../_base_/methods/subpixel.py']
# the paper reports COFW by the inter-ocular distance
val_evaluator = dict(norm='inter_ocular')
test_evaluator = val_evaluator
from mmfld.engine.combine import combine
combine(globals())
