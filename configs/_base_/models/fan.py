# P2's network; a method's config adds layout and head
model = dict(
    type='TopdownPoseEstimator',
    # RGB in [0, 1]
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[0.] * 3, std=[255.] * 3, bgr_to_rgb=True),
    backbone=dict(type='FAN', num_stacks=2, pooling='max'),
    test_cfg=dict(flip_test=False))
