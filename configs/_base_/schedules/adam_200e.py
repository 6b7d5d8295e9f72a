_base_ = ['../default_runtime.py']
# P1: 200 epochs, Adam 1e-3, 128 faces a step. The milestones are not printed; these are ADNet's for 200 epochs.
train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=1)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = [dict(type='MultiStepLR', milestones=[100, 150, 180], gamma=0.1, by_epoch=True)]
auto_scale_lr = dict(base_batch_size=128)
sync_bn = 'torch'

# decay 0.5^(128 / 10000) an iteration (STAR reference code)
default_hooks = dict(ema=dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.00883, update_buffers=True))
