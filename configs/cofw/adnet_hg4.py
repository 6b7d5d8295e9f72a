_base_ = ['../_base_/datasets/cofw.py', '../_base_/methods/star.py']
# ADNet's loss (Huang et al., ICCV 2021) in STAR's setup
model = dict(head=dict(loss_landmark=dict(_delete_=True, type='AnisotropicDirectionLoss')))
from mmfld.engine.combine import combine
combine(globals())
