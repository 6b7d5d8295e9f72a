_base_ = ['../default_runtime.py']
# P2: 50 epochs, Adam 1e-4, dropped at 25 and 40 (by what factor is not printed). The batch size is FAN's.
train_cfg = dict(by_epoch=True, max_epochs=50, val_interval=1)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-4))
param_scheduler = [dict(type='MultiStepLR', milestones=[25, 40], gamma=0.1, by_epoch=True)]
auto_scale_lr = dict(base_batch_size=10)
