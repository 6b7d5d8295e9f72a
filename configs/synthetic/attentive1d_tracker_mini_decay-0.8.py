# a longer memory than the paper's
_base_ = ['./attentive1d_tracker_mini.py']
model = dict(refinement=dict(decay=0.8))
