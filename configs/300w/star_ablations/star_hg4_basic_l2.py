# P4, Table 3
_base_ = ['./star_hg4_basic.py']
model = dict(head=dict(loss_landmark=dict(distance='l2')))
