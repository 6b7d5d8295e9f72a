# P2 with Siamese training. For the budget of subpixel_mini.py, 16 images a step are two views of 8 faces, and there are
# half as many epochs.
_base_ = ['./subpixel_mini.py']
model = dict(type='SiameseTopdownPoseEstimator')
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        pipeline=[
            *_base_.load,
            dict(type='SiameseViews', augmentation=_base_.augmentation[len(_base_.load):]),
            dict(type='GenerateTarget', encoder=_base_.codec),
            dict(
                type='PackPoseInputs',
                meta_keys=('id', 'img_id', 'img_path', 'input_size', 'input_center', 'input_scale', 'flip_indices',
                           'view_matrices', 'view_flips'))
        ]))
train_cfg = dict(max_epochs=22, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=22, eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(interval=1))
