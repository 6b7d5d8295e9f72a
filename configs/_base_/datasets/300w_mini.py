# The common protocol of the CPU-sized models: 1,812 faces to train on, 200 held-out training faces to select the
# checkpoint, the common set to test once (tools/dataset_converters/convert_300w.py --holdout 200).
layout = '300w68'
input_size = (128, 128)
heatmap_size = (32, 32)
crop = dict(type='GetFaceCrop', rule='landmark_height', padding=1.1)

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
    dict(type='RandomGrayscale', prob=0.2, keep_channels=True, channel_weights=(0.299, 0.587, 0.114)),
]
test_pipeline = [
    dict(type='LoadImage'),
    crop,
    dict(type='FaceAffine', input_size=input_size),
    dict(type='PackPoseInputs'),
]

dataset = dict(type='FaceLandmarkDataset', layout=layout, data_root='data/300w/', data_prefix=dict(img='images/'))
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**dataset, ann_file='annotations/face_landmarks_300w_fit.json', seed=0, pipeline=augmentation))
val_dataloader = dict(
    batch_size=50,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        **dataset, ann_file='annotations/face_landmarks_300w_select.json', test_mode=True, pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=50,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        **dataset,
        ann_file='annotations/face_landmarks_300w_valid_common.json',
        test_mode=True,
        pipeline=test_pipeline))

val_evaluator = dict(type='FaceAlignmentMetric', layout=layout, threshold=0.08)
test_evaluator = val_evaluator
