# The protocol of the CPU-sized models: 1,812 faces of 300W to train on, 200 held-out training faces to select the
# checkpoint, the common set to test once (tools/dataset_converters/convert_300w.py --holdout 200)
layout = '300w68'
keypoint_offset = (0.0, 0.0)
train_dataset = dict(
    type='FaceLandmarkDataset',
    data_root='data/300w/',
    data_prefix=dict(img='images/'),
    ann_file='annotations/face_landmarks_300w_fit.json',
)
val_dataset = dict(train_dataset, ann_file='annotations/face_landmarks_300w_select.json')
test_dataset = dict(train_dataset, ann_file='annotations/face_landmarks_300w_valid_common.json')

val_evaluator = dict(type='FaceAlignmentMetric', norm='inter_ocular', threshold=0.08)
test_evaluator = val_evaluator
