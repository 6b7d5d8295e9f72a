# Subpixel heatmap regression (Bulat et al., BMVC 2021), with Siamese training: two views of each of 10 faces a step
_base_ = ['../default_runtime.py', './fan.py']
codec = dict(
    type='ContinuousHeatmap', input_size=(256, 256), heatmap_size=(64, 64), sigma=1.5, window=5, temperature=0.1
)
model = dict(
    type='SiameseTopdownPoseEstimator',
    # The heatmaps of all stacks start near zero. Against a squared error, the noise of PyTorch's default initialisation
    # would have to be unlearned first: the paper does not say how it starts.
    backbone=dict(init_cfg=dict(type='Normal', std=0.001, override=dict(name='out_heatmaps'))),
    head=dict(
        type='StackedHeatmapHead',
        target='heatmaps',
        loss_landmark=dict(type='KeypointMSELoss', use_target_weight=True),
        stack_weights=(1.0, 1.0),
    ),
)
train_pipeline = [
    *_base_.load,
    dict(type='SiameseViews', augmentation=_base_.augmentation),
    dict(type='GenerateTarget'),
    dict(
        type='PackPoseInputs',
        meta_keys=(
            'id',
            'img_id',
            'img_path',
            'input_size',
            'input_center',
            'input_scale',
            'flip_indices',
            'view_matrices',
            'view_flips',
        ),
    ),
]
train_dataloader = dict(batch_size=10)
