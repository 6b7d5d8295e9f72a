# P4's baseline: smooth-l1 on the expectation of normalised heatmaps
_base_ = ['./star.py']
model = dict(head=dict(loss_landmark=dict(_delete_=True, type='SoftArgmaxLoss', distance='smooth_l1')))
