# What teaches a tracker without annotated videos: 600 of the faces that the minis train on, moved, and rendered clips,
# whose faces change expression and view; the held-out faces, moved, select. A crop is that of the frame before.
#   python tools/dataset_converters/make_moving_clips.py data/300w/annotations/face_landmarks_300w_fit.json \
#       data/moving_fit --clips 600
#   python tools/dataset_converters/make_moving_clips.py data/300w/annotations/face_landmarks_300w_select.json \
#       data/moving_select
#   python tools/dataset_converters/make_synthetic_clips.py data/synthetic_clips
layout = '300w68'
moved = dict(
    type='FaceVideoDataset',
    data_prefix=dict(img='images/'),
    ann_file='annotations/face_landmarks_moving_clips.json',
    box='previous',
)
train_dataset = dict(
    type='ConcatDataset',
    datasets=[
        dict(moved, data_root='data/moving_fit/', clip_length=8),
        dict(
            moved,
            data_root='data/synthetic_clips/',
            ann_file='annotations/face_landmarks_synthetic_clips_train.json',
            clip_length=8,
        ),
    ],
)
val_dataset = dict(moved, data_root='data/moving_select/', clip_length=1)
test_dataset = val_dataset

val_evaluator = dict(type='FaceVideoMetric', norm='inter_ocular', threshold=0.08)
test_evaluator = val_evaluator
