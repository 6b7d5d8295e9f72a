# P4, Table 3: distribution regularisation instead of attention maps
_base_ = ['./softargmax_hg4_basic.py']
model = dict(head=dict(loss_regularization=dict(type='DistributionRegularization', sigma=1.)))
