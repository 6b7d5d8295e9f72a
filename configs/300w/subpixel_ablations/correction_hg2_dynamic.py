# P2, Table 1: learned correction of coordinates, dynamic targets
_base_ = ['./baseline_hg2.py']
model = dict(
    head=dict(
        type='CoordinateCorrectionHead',
        in_channels=256,
        correction='dynamic',
        decoder=dict(decoder='argmax')))
