# each frame refined on its own
_base_ = ['./attentive1d_tracker_mini.py']
model = dict(refinement=dict(decay=0.0))
