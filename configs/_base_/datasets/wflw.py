# WFLW (Wu et al., CVPR 2018): 7,500 faces to train on, 2,500 to test, in six subsets
layout = 'wflw98'
train_dataset = dict(
    type='FaceLandmarkDataset',
    data_root='data/wflw/',
    data_prefix=dict(img='images/'),
    ann_file='annotations/face_landmarks_wflw_train.json',
)
val_dataset = dict(train_dataset, ann_file='annotations/face_landmarks_wflw_test.json')
test_dataset = val_dataset

val_evaluator = dict(type='FaceAlignmentMetric', norm='inter_ocular', threshold=0.1)
test_evaluator = val_evaluator
