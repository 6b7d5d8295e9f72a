# ADNet's loss in STAR's setup (P4, Table 6)
_base_ = ['./star_hg4.py']
model = dict(head=dict(loss_landmark=dict(_delete_=True, type='AnisotropicDirectionLoss', layout='wflw98')))
