# P1, Table 5
_base_ = ['./structured_hg4.py']
model = dict(head=dict(loss_landmark=dict(margin='l1')))
