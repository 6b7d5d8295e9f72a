# P4, Table 5
_base_ = ['../star_hg4.py']
model = dict(head=dict(loss_landmark=dict(restriction='none')))
