# P4, Figure 4: input of 64 x 64 pixels
_base_ = ['./star_hg4_basic_64px.py']
model = dict(head=dict(loss_landmark=dict(_delete_=True, type='SoftArgmaxLoss', distance='smooth_l1')))
