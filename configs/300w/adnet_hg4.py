# tools/dist_train.sh configs/300w/adnet_hg4.py 4
# 128 faces a step: 4 GPUs x 32.
# 300W full, NME inter-ocular (all / common / challenge): 2.93 / 2.53 / 4.58 in the paper, not measured here
_base_ = ['../_base_/datasets/300w.py', '../_base_/methods/star.py']
# ADNet's loss (Huang et al., ICCV 2021) in STAR's setup
model = dict(head=dict(loss_landmark=dict(_delete_=True, type='AnisotropicDirectionLoss')))
from mmfld.engine.combine import combine

combine(globals())
