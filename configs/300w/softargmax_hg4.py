_base_ = ['../_base_/datasets/300w.py', '../_base_/methods/star.py']
# STAR's setup without its loss
model = dict(head=dict(loss_landmark=dict(_delete_=True, type='SoftArgmaxLoss', distance='smooth_l1')))
from mmfld.engine.combine import combine
combine(globals())
