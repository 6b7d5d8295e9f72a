# What the models that the package ships share: mini.py with four times the pixels in about the same multiply-adds, the
# structured loss with a loss on the coordinates besides (it snaps them to cells, of 8 pixels here), and a pipeline that
# makes pictures as they are outside of data sets: small, compressed, moved, blurred, dark, coloured and covered.
_base_ = ['./mini.py']
crop = dict(rule='landmark_height', padding=1.1)  # that of the weights
codec = dict(type='ImageAwareSmoothing', input_size=(256, 256), decoder='expectation')
model = dict(
    backbone=dict(pixel_unshuffle=2),
    head=dict(
        type='StackedHeatmapHead',
        target='keypoint_samples',
        loss_landmark=[
            dict(type='StructuredHeatmapLoss', margin='smooth_l1', loss_weight=5000.0),
            dict(type='SoftArgmaxLoss', distance='l1', temperature=1.0, loss_weight=5e4),
        ],
    ),
)
# a quarter of the faces stay as they are
degraded_pipeline = [
    *_base_.load,
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomFaceSimilarity', rotation=15.0, scale=0.04, shift=0.02),
    dict(type='FaceAffine'),
    dict(type='RandomCover', prob=0.3, high=0.7),
    dict(type='RandomLowResolution', prob=0.12),
    dict(type='RandomMotionBlur', prob=0.08),
    dict(type='RandomBoxBlur', prob=0.12, max_kernel=0.12),
    dict(type='RandomGamma', prob=0.15),
    dict(type='RandomBrightness', prob=0.1),
    dict(type='RandomChannelGain', prob=0.12, low=0.4, high=1.7),
    dict(type='RandomByteNoise', prob=0.06),
    dict(type='RandomGrayscale', prob=0.08, keep_channels=True, channel_weights=(0.299, 0.587, 0.114)),
    dict(type='RandomJPEG', prob=0.08),
    dict(type='GenerateTarget'),
    dict(type='PackPoseInputs'),
]
train_cfg = dict(val_interval=5)
default_hooks = dict(checkpoint=dict(interval=5))
optim_wrapper = dict(optimizer=dict(fused=True))
