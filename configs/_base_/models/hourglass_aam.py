# STAR's network; a method's config adds layout, heatmap activation and head
model = dict(
    type='TopdownPoseEstimator',
    # BGR in [-1, 1]
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=False),
    backbone=dict(type='HourglassAAM', num_stacks=4),
    test_cfg=dict(flip_test=False))
