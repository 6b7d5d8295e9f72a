# P4, Figure 4
_base_ = ['./star_hg4_basic_128px.py']
model = dict(head=dict(loss_landmark=dict(distance='l2')))
