# STAR loss (Zhou et al., CVPR 2023): 500 epochs of 128 faces a step. The reference code makes its Adam without the
# weight decay that its configuration lists.
_base_ = ['../default_runtime.py', './hourglass_aam.py']
codec = dict(type='BoundaryAwareHeatmap', input_size=(256, 256), heatmap_size=(64, 64))
model = dict(
    backbone=dict(heatmap_activation='in_relu'),
    head=dict(
        type='StackedHeatmapHead',
        target='keypoint_labels',
        loss_landmark=dict(type='STARLoss', distance='smooth_l1', restriction='value'),
    ),
)

train_dataloader = dict(batch_size=32)
train_cfg = dict(by_epoch=True, max_epochs=500, val_interval=1)
param_scheduler = [dict(type='MultiStepLR', milestones=[200, 350, 450], gamma=0.1, by_epoch=True)]
default_hooks = dict(ema=_base_.ema)
