# The detector is trained on with its refinement
_base_ = ['./attentive1d_tracker.py']
model = dict(freeze_detector=False)
find_unused_parameters = True
