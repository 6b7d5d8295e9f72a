# P4, Figure 4
_base_ = ['./softargmax_hg4_basic_64px.py']
model = dict(head=dict(loss_landmark=dict(distance='l1')))
