# P4, Table 5
_base_ = ['./star_hg4_basic.py']
model = dict(head=dict(loss_landmark=dict(restriction='detach')))
