# AFLW, 19 points (Zhu et al., CVPR 2016): 20,000 faces to train on, 4,386 to test, 1,314 of them frontal
layout = 'aflw19'
train_dataset = dict(
    type='FaceLandmarkDataset',
    data_root='data/aflw/',
    data_prefix=dict(img='images/'),
    ann_file='annotations/face_landmarks_aflw_train.json',
)
val_dataset = dict(train_dataset, ann_file='annotations/face_landmarks_aflw_test.json')
test_dataset = val_dataset

# By the side of the annotated box, which the literature calls face size or diagonal, and by the true diagonal of the
# landmarks' box: which one NME_diag of the subpixel paper means is undecided. The box norm is that of AUC at 7 %.
val_evaluator = [
    dict(type='FaceAlignmentMetric', norm=('box_side', 'diagonal'), threshold=0.1),
    dict(type='FaceAlignmentMetric', norm='box', threshold=0.07, per_area=False, prefix='box'),
]
test_evaluator = val_evaluator
