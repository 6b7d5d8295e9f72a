# 300VW (Shen et al., ICCV-W 2015) in its videos: 50 to train on, with the faces of 300W, and 64 to test in three
# scenarios
layout = '300w68'
train_videos = dict(
    type='FaceVideoDataset',
    data_root='data/300vw/',
    data_prefix=dict(img='images/'),
    ann_file='annotations/face_landmarks_300vw_train.json',
)
train_dataset = dict(
    type='ConcatDataset',
    datasets=[
        dict(
            type='FaceLandmarkDataset',
            data_root='data/300w/',
            data_prefix=dict(img='images/'),
            ann_file='annotations/face_landmarks_300w_train.json',
        ),
        dict(train_videos, clip_length=1),
    ],
)
# frame by frame
val_dataset = dict(train_videos, ann_file='annotations/face_landmarks_300vw_test.json', clip_length=1)
test_dataset = val_dataset

# without the badly annotated frames, with them, and on the 49 inner points (AUC in the subpixel paper)
metric = dict(type='FaceVideoMetric', norm='inter_ocular', threshold=0.08)
val_evaluator = [
    metric,
    dict(**metric, prefix='all_frames', count_excluded=True),
    dict(**metric, prefix='inner', error_layout='300w49'),
]
test_evaluator = val_evaluator
