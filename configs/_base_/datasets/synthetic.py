# Rendered faces (tools/dataset_converters/make_synthetic_faces.py data/synthetic)
layout = '300w68'
train_dataset = dict(
    type='FaceLandmarkDataset',
    data_root='data/synthetic/',
    data_prefix=dict(img='images/'),
    ann_file='annotations/synthetic_300w68_train.json',
)
val_dataset = dict(train_dataset, ann_file='annotations/synthetic_300w68_test.json')
test_dataset = val_dataset

val_evaluator = dict(type='FaceAlignmentMetric', norm='inter_ocular', threshold=0.08)
test_evaluator = val_evaluator
