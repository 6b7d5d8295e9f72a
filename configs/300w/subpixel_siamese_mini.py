# python tools/train.py configs/300w/subpixel_siamese_mini.py
# 8 faces a step: 1 GPU x 8.
# 300W common, NME inter-ocular: not in the paper, 3.114 here
_base_ = ['./subpixel_mini.py']
# For the budget of subpixel_mini.py, 16 images a step are two views of 8 faces, and there are half as many epochs.
model = dict(type='SiameseTopdownPoseEstimator')
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
train_dataloader = dict(batch_size=8)
auto_scale_lr = dict(base_batch_size=8)
train_cfg = dict(max_epochs=22, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1))
from mmfld.engine.combine import combine

combine(globals())
