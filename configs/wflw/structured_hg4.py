# tools/dist_train.sh configs/wflw/structured_hg4.py 4
# 128 faces a step: 4 GPUs x 32.
# WFLW, NME inter-ocular: 3.99 in the paper, not measured here
_base_ = ['../_base_/datasets/wflw.py', '../_base_/methods/structured.py']
from mmfld.engine.combine import combine

combine(globals())
