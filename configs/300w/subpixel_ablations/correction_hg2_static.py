# P2, Table 1: learned correction of coordinates, static targets
_base_ = ['./baseline_hg2.py']
model = dict(
    head=dict(
        type='CoordinateCorrectionHead',
        in_channels=256,
        correction='static',
        decoder=dict(decoder='argmax')))
