# 300VW in its videos: crop, test loader and metrics of detectors and trackers. A method's config adds the training data.
_base_ = ['./star_pipelines.py', './attentive1d_pipelines.py']

video_load = [dict(type='LoadVideoFrame'), *_base_.subpixel_load[1:]]
video_pipeline = [
    *video_load, *_base_.subpixel_augmentation,
    dict(type='GenerateTarget', encoder=_base_.marginal_codec),
    dict(type='PackPoseInputs')
]
train_videos = dict(
    type='FaceVideoDataset',
    layout='300w68',
    data_root='data/300vw/',
    data_prefix=dict(img='images/'),
    ann_file='annotations/face_landmarks_300vw_train.json',
    seed=0)
# whole videos in order, frame by frame, as a tracker needs them
val_dataloader = dict(
    _delete_=True,
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='VideoSampler'),
    dataset=dict(
        type='FaceVideoDataset',
        layout='300w68',
        data_root='data/300vw/',
        data_prefix=dict(img='images/'),
        ann_file='annotations/face_landmarks_300vw_test.json',
        clip_length=1,
        test_mode=True,
        pipeline=[*video_load, *_base_.subpixel_warp, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader

# without the badly annotated frames, with them, and on the 49 inner points (AUC in P2's table)
metric = dict(type='FaceVideoMetric', layout='300w68', norm='inter_ocular', threshold=0.08)
val_evaluator = [
    metric,
    dict(**metric, prefix='all_frames', count_excluded=True),
    dict(**metric, prefix='inner', error_layout='300w49'),
]
test_evaluator = val_evaluator
