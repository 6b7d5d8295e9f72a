# Rendered clips (tools/dataset_converters/make_synthetic_clips.py data/synthetic_clips), cropped as when a face is
# followed:
# by the landmarks of the frame before
layout = '300w68'
train_dataset = dict(
    type='FaceVideoDataset',
    data_root='data/synthetic_clips/',
    data_prefix=dict(img='images/'),
    ann_file='annotations/face_landmarks_synthetic_clips_train.json',
    clip_length=8,
    box='previous',
)
val_dataset = dict(train_dataset, ann_file='annotations/face_landmarks_synthetic_clips_valid.json', clip_length=1)
test_dataset = val_dataset

val_evaluator = dict(type='FaceVideoMetric', norm='inter_ocular', threshold=0.08)
test_evaluator = val_evaluator
