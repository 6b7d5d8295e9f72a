# P4, Table 3: without attention maps
_base_ = ['../star_hg4.py']
model = dict(backbone=dict(use_aam=False))
