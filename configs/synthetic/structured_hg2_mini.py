# The main job of tools/quickstart.sh: a small model on rendered faces, a few minutes on two CPU cores.
_base_ = ['../300w/structured_hg2_mini.py']

data = dict(data_root='data/synthetic/')
train_dataloader = dict(dataset=dict(**data, ann_file='annotations/synthetic_300w68_train.json'))
val_dataloader = dict(dataset=dict(**data, ann_file='annotations/synthetic_300w68_test.json', indices=100))
test_dataloader = dict(dataset=dict(**data, ann_file='annotations/synthetic_300w68_test.json'))

model = dict(backbone=dict(width=64), head=dict(loss_landmark=dict(loss_weight=5000.)))
train_cfg = dict(max_epochs=8, val_interval=2)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=8, eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
]
default_hooks = dict(ema=dict(momentum=0.01), progress=dict(type='ProgressBarHook'))
log_level = 'WARNING'  # the progress bar says the rest
