# Crop, augmentation and loaders of the STAR reference code, which P1 follows. A data set adds its layout and files; a
# method appends GenerateTarget and PackPoseInputs to `augmentation`.
input_size = (256, 256)
crop = dict(type='GetFaceCrop', rule='landmark_height')

geometric = [
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomFaceSimilarity', rotation=18., scale=0.1, shift=0.05),
]
photometric = [
    dict(type='RandomOcclusion', prob=0.4),
    dict(type='RandomBoxBlur', prob=0.3),
    dict(type='RandomGamma', prob=0.2),
    dict(type='RandomByteNoise', prob=0.2),
    # grey weights of RGB on a BGR image, as the reference code
    dict(type='RandomGrayscale', prob=0.2, keep_channels=True, channel_weights=(0.299, 0.587, 0.114)),
]
load = [dict(type='LoadImage'), crop]
warp = [dict(type='FaceAffine', input_size=input_size)]
augmentation = [*load, *geometric, *warp, *photometric]
test_pipeline = [*load, *warp, dict(type='PackPoseInputs')]

dataset = dict(type='FaceLandmarkDataset', data_prefix=dict(img='images/'))
# 128 faces a step: 4 GPUs x 32
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**dataset, seed=0, pipeline=augmentation))
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(**dataset, test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader
