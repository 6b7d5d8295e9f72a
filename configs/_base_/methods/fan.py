# What the subpixel and the attentive paper share: FAN, crop, augmentation, and Adam with 1e-4, dropped at epochs 25
# and 40 (by what factor is not printed). The batch of 10 is FAN's. Of all that, the attentive paper prints only
# network, Adam, rate and batch.
model = dict(
    type='TopdownPoseEstimator',
    # RGB in [0, 1]
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3, bgr_to_rgb=True),
    backbone=dict(type='FAN', num_stacks=2, pooling='max'),
    test_cfg=dict(flip_test=False),
)

crop = dict(rule='face_220')
load = [dict(type='LoadFaceImage'), dict(type='GetFaceCrop')]
augmentation = [
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomFaceSimilarity', rotation=30.0, scale=0.15, shift=0.0, distribution='uniform'),
    dict(type='FaceAffine'),
    dict(type='RandomChannelGain', low=0.6, high=1.4),
]
single_pipeline = [*load, *augmentation, dict(type='GenerateTarget'), dict(type='PackPoseInputs')]
test_pipeline = [*load, dict(type='FaceAffine'), dict(type='PackPoseInputs')]
# For testing off-centre faces, which the augmentation above never shows: boxes as far off as those of OpenCV's
# cascades, the same in each test
rough_boxes_pipeline = [
    *load,
    dict(type='RandomFaceSimilarity', rotation=0.0, scale=0.08, shift=0.08, seed=0),
    dict(type='FaceAffine'),
    dict(type='PackPoseInputs'),
]

train_cfg = dict(by_epoch=True, max_epochs=50, val_interval=1)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-4))
param_scheduler = [dict(type='MultiStepLR', milestones=[25, 40], gamma=0.1, by_epoch=True)]
auto_scale_lr = dict(base_batch_size=10)
