# What all rows share: data, crop, augmentation, network and schedule. A row adds its target, head and loss.
_base_ = [
    '../../../configs/_base_/datasets/300w_mini.py', '../../../configs/_base_/models/hourglass_aam.py',
    '../../../configs/_base_/schedules/mini.py'
]
epochs = 12
width = 64
# One stack, because MMPose's heads have no supervision between stacks
model = dict(
    backbone=dict(
        layout='300w68', heatmap_activation='none', use_aam=False, num_stacks=1, num_levels=3, width=width))
train_dataloader = dict(num_workers=1)
train_cfg = dict(max_epochs=epochs, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=epochs, eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=-1, save_best=None), logger=dict(interval=50))
