# 300W (Sagonas et al., 2013; Split II): 3,148 faces to train on, the full set of 689 to test, common and challenge in
# it
layout = '300w68'
# (x, y) pixels by which points are moved. They lie about one too far to the right (projects/semantic_ambiguity, e),
# which training on mirrored faces cannot learn: the weights of mmfld_best_mini.py, trained with (-1, 0), have 2.759 %
# of NME on points that are moved likewise and 2.898 % on others.
keypoint_offset = (0.0, 0.0)
train_dataset = dict(
    type='FaceLandmarkDataset',
    data_root='data/300w/',
    data_prefix=dict(img='images/'),
    ann_file='annotations/face_landmarks_300w_train.json',
)
val_dataset = dict(train_dataset, ann_file='annotations/face_landmarks_300w_valid.json')
test_dataset = val_dataset

val_evaluator = dict(type='FaceAlignmentMetric', norm=['inter_ocular', 'inter_pupil'], threshold=0.05)
test_evaluator = val_evaluator
