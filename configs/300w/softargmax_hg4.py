# the baseline without STAR (P4, Table 3)
_base_ = ['./star_hg4.py']
model = dict(head=dict(loss_landmark=dict(_delete_=True, type='SoftArgmaxLoss', distance='smooth_l1')))
