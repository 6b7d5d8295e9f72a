# python tools/train.py configs/300w/attentive1d_tracker_mini.py
# 4 clips a step: 1 GPU x 4.
# 300W held-out faces, moved, NME inter-ocular (all / burst): not in the paper, 3.607 / 4.741 here
_base_ = ['../_base_/datasets/300w_moving_clips.py', '../_base_/methods/attentive1d_tracker_mini.py']
# The tracker behind the frozen detector of attentive1d_mini.py
starts_from = 'configs/300w/attentive1d_mini.py'
codec = dict(decoder='local_soft_argmax')  # not in the paper: within bins, which is more exact and trembles less
train_cfg = dict(max_epochs=2, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1))
from mmfld.engine.combine import combine

combine(globals())
