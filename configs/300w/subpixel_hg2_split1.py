# Split I of 300W: 3,837 faces to train on (convert_300w.py --trainval), the 600 private ones to test
_base_ = ['./subpixel_hg2.py']
train_dataloader = dict(dataset=dict(ann_file='annotations/face_landmarks_300w_trainval.json'))
val_dataloader = dict(dataset=dict(ann_file='annotations/face_landmarks_300w_test.json'))
test_dataloader = val_dataloader
# NME_box and AUC_box at 7 %
val_evaluator = dict(norm='box', threshold=0.07)
test_evaluator = val_evaluator
