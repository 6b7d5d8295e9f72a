# P2 with Siamese training. For the same work, 16 images a step are two views of 8 faces, and there are half as many
# epochs.
_base_ = ['./subpixel.py']
epochs = _base_.epochs // 2
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
train_cfg = dict(max_epochs=epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=epochs, eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
]
