# python tools/train.py configs/cofw/subpixel_hg2.py
# 10 faces a step: 1 GPU x 10.
# COFW, NME inter-ocular: 3.02 in the paper, not measured here
_base_ = ['../_base_/datasets/cofw.py', '../_base_/methods/subpixel.py']
# the paper reports COFW by the inter-ocular distance, which goes first
val_evaluator = dict(norm=['inter_ocular', 'inter_pupil'])
test_evaluator = val_evaluator
from mmfld.engine.combine import combine

combine(globals())
