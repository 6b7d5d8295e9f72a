# What all rows share: crop, augmentation, network and schedule. A row adds its target, head and loss.
_base_ = ['../../../configs/_base_/methods/mini.py']
crop = dict(rule='landmark_height', padding=1.1)  # what the numbers of the study are of
# One stack, because MMPose's heads have no supervision between stacks
model = dict(backbone=dict(num_stacks=1, width=64))
train_dataloader = dict(num_workers=1)
train_cfg = dict(max_epochs=12, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=-1, save_best=None), logger=dict(interval=50))
