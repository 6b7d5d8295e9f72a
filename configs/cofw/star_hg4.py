# tools/dist_train.sh configs/cofw/star_hg4.py 4
# 128 faces a step: 4 GPUs x 32.
# COFW, NME inter-pupil: 4.62 in the paper, not measured here
_base_ = ['../_base_/datasets/cofw.py', '../_base_/methods/star.py']
from mmfld.engine.combine import combine

combine(globals())
