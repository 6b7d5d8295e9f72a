# The detector of attentive1d_tracker_mini.py: rendered faces, and every fourth frame of rendered clips
_base_ = ['../300w/attentive1d_mini.py']

still_pipeline = _base_.train_dataloader.dataset.pipeline
video_load = [dict(type='LoadVideoFrame'), *_base_.load[1:]]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            dict(
                type='FaceLandmarkDataset',
                layout='300w68',
                data_root='data/synthetic/',
                data_prefix=dict(img='images/'),
                ann_file='annotations/synthetic_300w68_train.json',
                seed=0,
                pipeline=still_pipeline),
            dict(
                type='FaceVideoDataset',
                layout='300w68',
                data_root='data/synthetic_clips/',
                data_prefix=dict(img='images/'),
                ann_file='annotations/face_landmarks_synthetic_clips_train.json',
                clip_length=1,
                clip_stride=4,
                seed=0,
                pipeline=[*video_load, *still_pipeline[len(_base_.load):]]),
        ]))
data = dict(data_root='data/synthetic/', ann_file='annotations/synthetic_300w68_test.json')
val_dataloader = dict(dataset=data)
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=8, val_interval=2)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=8, eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
]
default_hooks = dict(ema=dict(momentum=0.005))
