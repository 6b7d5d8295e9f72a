# P3's tracker on rendered clips, behind the frozen detector of attentive1d_mini.py
_base_ = ['./attentive1d_mini.py']
model = dict(type='FaceTracker', refinement=dict(channels=64, decay=0.3), freeze_detector=True)
load_from = 'work_dirs/synthetic/attentive1d_mini/epoch_8.pth'
find_unused_parameters = False

# crops as they are when a face is followed: by the landmarks of the frame before
clips = dict(
    type='FaceVideoDataset',
    layout='300w68',
    data_root='data/synthetic_clips/',
    data_prefix=dict(img='images/'),
    box='previous')
load = _base_.video_load
train_dataloader = dict(
    batch_size=4,
    collate_fn=dict(type='clip_collate'),
    dataset=dict(
        _delete_=True,
        **clips,
        clip_length=8,
        seed=0,
        ann_file='annotations/face_landmarks_synthetic_clips_train.json',
        pipeline=[
            *load,
            dict(type='RandomFlip', prob=0.5),
            dict(type='RandomFaceSimilarity', rotation=10., scale=0.07, shift=0.03),
            *_base_.warp,
            dict(
                type='RandomBurst',
                prob=0.5,
                max_length=5,
                transforms=[dict(type='RandomOcclusion', prob=0.7),
                            dict(type='RandomBoxBlur', prob=0.5)]),
            dict(type='PerFrame', transforms=[dict(type='RandomByteNoise', prob=0.5)]),
            dict(type='GenerateTarget', encoder=_base_.codec),
            dict(type='PackPoseInputs')
        ]))
val_dataloader = dict(
    _delete_=True,
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='VideoSampler'),
    dataset=dict(
        **clips,
        clip_length=1,
        test_mode=True,
        ann_file='annotations/face_landmarks_synthetic_clips_valid.json',
        pipeline=[*load, *_base_.warp, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader
val_evaluator = dict(type='FaceVideoMetric', layout='300w68', threshold=0.08)
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=8, val_interval=2)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=8, eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
]
default_hooks = dict(ema=dict(momentum=0.01))
