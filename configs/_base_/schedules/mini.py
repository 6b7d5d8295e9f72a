_base_ = ['../default_runtime.py']
# Half an hour on two CPU cores
train_cfg = dict(by_epoch=True, max_epochs=45, val_interval=2)
# bfloat16; tools/train.py runs it on the CPU as well
optim_wrapper = dict(type='AmpOptimWrapper', dtype='bfloat16', optimizer=dict(type='Adam', lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=45, eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
]
default_hooks = dict(
    ema=dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.002, gamma=300, update_buffers=True),
    checkpoint=dict(interval=2))
