# P4, Table 3
_base_ = ['./softargmax_hg4_dr.py']
model = dict(head=dict(loss_landmark=dict(distance='l2')))
