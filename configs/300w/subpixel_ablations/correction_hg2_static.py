# P2, Table 1: learned correction of coordinates, static targets
_base_ = ['./baseline_hg2.py']
model = dict(head=dict(type='CoordinateCorrectionHead', correction='static', decoder=dict(decoder='argmax')))
