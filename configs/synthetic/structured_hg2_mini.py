# python tools/train.py configs/synthetic/structured_hg2_mini.py
# 16 faces a step: 1 GPU x 16.
# Rendered faces, NME inter-ocular: not in the paper, 3.35 here (tools/quickstart.sh)
_base_ = ['../300w/structured_hg2_mini.py']
# The main job of tools/quickstart.sh: a small model on rendered faces, a few minutes on two CPU cores
data = dict(data_root='data/synthetic/')
train_dataset = dict(**data, ann_file='annotations/synthetic_300w68_train.json')
val_dataset = dict(**data, ann_file='annotations/synthetic_300w68_test.json', indices=100)
test_dataset = dict(**data, ann_file='annotations/synthetic_300w68_test.json')

model = dict(backbone=dict(width=64))
train_cfg = dict(max_epochs=8, val_interval=2)
param_scheduler = [dict(_base_.param_scheduler[0], end=50), _base_.param_scheduler[1]]
default_hooks = dict(ema=dict(momentum=0.01), progress=dict(type='ProgressBarHook'))
log_level = 'WARNING'  # the progress bar says the rest
from mmfld.engine.combine import combine

combine(globals())
