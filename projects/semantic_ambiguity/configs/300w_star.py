# The network and schedule of configs/synthetic/structured_hg2_mini.py: a few minutes on two CPU cores
_base_ = ['../../../configs/300w/star_hg2_mini.py']

model = dict(backbone=dict(width=64))
train_cfg = dict(max_epochs=15)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=50, by_epoch=False),
    # without T_max it ends with the training
    dict(type='CosineAnnealingLR', eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
]
# nothing is selected: the last weights are the model
val_cfg = val_dataloader = val_evaluator = None
default_hooks = dict(
    ema=dict(momentum=0.01), checkpoint=dict(interval=3, save_best=None), progress=dict(type='ProgressBarHook'))
log_level = 'WARNING'  # the progress bar says the rest
