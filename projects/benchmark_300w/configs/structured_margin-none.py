# P1, Table 5: without a margin
_base_ = ['./structured.py']
model = dict(head=dict(loss_landmark=dict(margin='none')))
