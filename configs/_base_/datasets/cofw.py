# COFW (Burgos-Artizzu et al., ICCV 2013): 1,345 faces to train on, 507 to test. The inter-pupil distance is that of the
# tables of STAR and the structured loss; the subpixel paper has the inter-ocular one.
layout = 'cofw29'
train_dataset = dict(
    type='FaceLandmarkDataset',
    data_root='data/cofw/',
    data_prefix=dict(img='images/'),
    ann_file='annotations/cofw_train.json',
)
val_dataset = dict(train_dataset, ann_file='annotations/cofw_test.json')
test_dataset = val_dataset

val_evaluator = dict(type='FaceAlignmentMetric', norm=['inter_pupil', 'inter_ocular'], threshold=0.1)
test_evaluator = val_evaluator
