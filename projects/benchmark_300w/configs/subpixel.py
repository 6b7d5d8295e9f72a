_base_ = ['../../../configs/_base_/datasets/300w_mini.py', './_base_.py']
# continuous heatmaps, local soft-argmax
codec = dict(type='ContinuousHeatmap')
model = dict(
    # The heatmaps start near zero, as those of MMPose's head: against a squared error, the noise of PyTorch's default
    # would have to be unlearned first (9 % instead of 69 % NME after the first epoch).
    backbone=dict(init_cfg=dict(type='Normal', std=0.001, override=dict(name='out_heatmaps'))),
    head=dict(
        type='StackedHeatmapHead',
        target='heatmaps',
        loss_landmark=dict(type='KeypointMSELoss', use_target_weight=True),
        stack_weights=(1.0,),
    ),
)
# for the row with Siamese training
siamese_pipeline = [
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
from mmfld.engine.combine import combine

combine(globals())
