# What STAR and the structured loss share, as in the STAR reference code: network, crop, augmentation and optimiser. A
# method adds its codec, head, number of epochs and batch.
model = dict(
    type='TopdownPoseEstimator',
    # BGR in [-1, 1]
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=False),
    backbone=dict(type='HourglassAAM', num_stacks=4),
    test_cfg=dict(flip_test=False),
)

# Cuts no landmark off. The reference's meta files have the height of the landmarks, which does: *_crop-height.py
crop = dict(rule='longer_side', padding=1.05)
load = [dict(type='LoadFaceImage'), dict(type='GetFaceCrop')]
train_pipeline = [
    *load,
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomFaceSimilarity', rotation=18.0, scale=0.1, shift=0.05),
    dict(type='FaceAffine'),
    dict(type='RandomOcclusion', prob=0.4),
    dict(type='RandomBoxBlur', prob=0.3),
    dict(type='RandomGamma', prob=0.2),
    dict(type='RandomByteNoise', prob=0.2),
    # grey weights of RGB on a BGR image, as the reference code
    dict(type='RandomGrayscale', prob=0.2, keep_channels=True, channel_weights=(0.299, 0.587, 0.114)),
    dict(type='GenerateTarget'),
    dict(type='PackPoseInputs'),
]
test_pipeline = [*load, dict(type='FaceAffine'), dict(type='PackPoseInputs')]
# beside NME, FR and AUC those against landmarks that are clamped to the crop, which the reference code has
clamped = True

optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
sync_bn = 'torch'
auto_scale_lr = dict(base_batch_size=128)
# decay 0.5^(128 / 10000) an iteration; of raw and averaged weights the better ones become the best checkpoint (STAR
# reference code)
ema = dict(type='SelectingEMAHook', ema_type='ExponentialMovingAverage', momentum=0.00883, update_buffers=True)
