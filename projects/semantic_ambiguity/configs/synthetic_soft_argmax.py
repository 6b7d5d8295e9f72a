_base_ = ['./synthetic_star.py']

model = dict(head=dict(loss_landmark=dict(type='SoftArgmaxLoss')))
