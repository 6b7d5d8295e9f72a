# tools/dist_train.sh configs/cofw/adnet_hg4.py 4
# 128 faces a step: 4 GPUs x 32.
# COFW, NME inter-pupil: 4.68 in the paper, not measured here
_base_ = ['../_base_/datasets/cofw.py', '../_base_/methods/star.py']
# ADNet's loss (Huang et al., ICCV 2021) in STAR's setup
model = dict(head=dict(loss_landmark=dict(_delete_=True, type='AnisotropicDirectionLoss')))
from mmfld.engine.combine import combine

combine(globals())
