# Heatmap regression without soft-argmax (Yang and Yeh, ICCV 2025): 200 epochs of 128 faces a step. The milestones are
# not printed; these are ADNet's for 200 epochs.
_base_ = ['../default_runtime.py', './hourglass_aam.py']
codec = dict(type='ImageAwareSmoothing', input_size=(256, 256), heatmap_size=(64, 64))
model = dict(
    backbone=dict(heatmap_activation='none'),
    head=dict(
        type='StackedHeatmapHead',
        target='keypoint_samples',
        loss_landmark=dict(
            type='StructuredHeatmapLoss', margin='smooth_l1', alpha=1.0, temperature=1.0, loss_weight=5000.0
        ),
    ),
)

train_dataloader = dict(batch_size=32)
train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=1)
param_scheduler = [dict(type='MultiStepLR', milestones=[100, 150, 180], gamma=0.1, by_epoch=True)]
default_hooks = dict(ema=_base_.ema)
