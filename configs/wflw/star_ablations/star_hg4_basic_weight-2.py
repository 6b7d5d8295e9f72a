# P4, Table 4
_base_ = ['./star_hg4_basic.py']
model = dict(head=dict(loss_landmark=dict(restriction_weight=2.)))
