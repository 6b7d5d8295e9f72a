# Split I of 300W: 3,837 faces to train on (convert_300w.py --trainval), the 600 private ones to test
layout = '300w68'
keypoint_offset = (0.0, 0.0)
train_dataset = dict(
    type='FaceLandmarkDataset',
    data_root='data/300w/',
    data_prefix=dict(img='images/'),
    ann_file='annotations/face_landmarks_300w_trainval.json',
)
val_dataset = dict(train_dataset, ann_file='annotations/face_landmarks_300w_test.json')
test_dataset = val_dataset

# NME_box and AUC_box at 7 %
val_evaluator = dict(type='FaceAlignmentMetric', norm='box', threshold=0.07)
test_evaluator = val_evaluator
