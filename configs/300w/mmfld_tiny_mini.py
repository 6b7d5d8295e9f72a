# python tools/train.py configs/300w/mmfld_tiny_mini.py
# 16 faces a step: 1 GPU x 16.
# 300W common, NME inter-ocular: not in the paper, 3.232 here
_base_ = ['../_base_/datasets/300w_mini.py', '../_base_/methods/mmfld_mini.py']
# For phones: mmfld_robust_mini.py from the start, with 48 channels instead of 128, and without the flip test.
model = dict(backbone=dict(width=48))
keypoint_offset = (-1.0, 0.0)  # see mmfld_best_mini.py
train_pipeline = _base_.degraded_pipeline

train_cfg = dict(max_epochs=60)
optim_wrapper = dict(optimizer=dict(lr=5e-3))
from mmfld.engine.combine import combine

combine(globals())
