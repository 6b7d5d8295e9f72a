# Crop and augmentation of the STAR reference code, which P1 follows. A method's config appends its GenerateTarget and
# PackPoseInputs to `augmentation`.
input_size = (256, 256)
crop = dict(type='GetFaceCrop', rule='landmark_height')

augmentation = [
    dict(type='LoadImage'),
    crop,
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomFaceSimilarity', rotation=18., scale=0.1, shift=0.05),
    dict(type='FaceAffine', input_size=input_size),
    dict(type='RandomOcclusion', prob=0.4),
    dict(type='RandomBoxBlur', prob=0.3),
    dict(type='RandomGamma', prob=0.2),
    dict(type='RandomByteNoise', prob=0.2),
    # grey weights of RGB on a BGR image, as the reference code
    dict(type='RandomGrayscale', prob=0.2, keep_channels=True, channel_weights=(0.299, 0.587, 0.114)),
]
test_pipeline = [
    dict(type='LoadImage'),
    crop,
    dict(type='FaceAffine', input_size=input_size),
    dict(type='PackPoseInputs'),
]
