# tools/dist_train.sh configs/300w/softargmax_hg4.py 4
# 128 faces a step: 4 GPUs x 32.
# 300W full, NME inter-ocular: 2.93 in the paper, not measured here
_base_ = ['../_base_/datasets/300w.py', '../_base_/methods/star.py']
# STAR's setup without its loss
model = dict(head=dict(loss_landmark=dict(_delete_=True, type='SoftArgmaxLoss', distance='smooth_l1')))
from mmfld.engine.combine import combine

combine(globals())
