# P3, Table 2: each frame refined on its own
_base_ = ['../attentive1d_tracker.py']
model = dict(refinement=dict(decay=0.0))
