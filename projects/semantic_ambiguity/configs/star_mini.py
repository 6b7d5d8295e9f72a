# The network and schedule of configs/synthetic/structured_hg2_mini.py: a few minutes on two CPU cores
_base_ = ['../../../configs/300w/star_hg2_mini.py']
crop = dict(rule='landmark_height', padding=1.1)  # what the README says was measured in
model = dict(backbone=dict(width=64))
train_cfg = dict(max_epochs=15)
param_scheduler = [dict(_base_.param_scheduler[0], end=50), _base_.param_scheduler[1]]
default_hooks = dict(
    ema=dict(momentum=0.01), checkpoint=dict(interval=3, save_best=None), progress=dict(type='ProgressBarHook')
)
log_level = 'WARNING'  # the progress bar says the rest
from mmfld.engine.combine import combine

combine(globals())
# nothing is selected: the last weights are the model
val_cfg = val_dataloader = val_evaluator = None
