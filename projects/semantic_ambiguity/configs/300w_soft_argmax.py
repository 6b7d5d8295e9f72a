_base_ = ['./300w_star.py']

model = dict(head=dict(loss_landmark=dict(type='SoftArgmaxLoss')))
