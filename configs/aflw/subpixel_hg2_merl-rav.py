# MERL-RAV: AFLW with 68 points, without those that the face itself hides
_base_ = ['../300w/subpixel_hg2.py']
data = dict(data_root='data/merl_rav/')
train_dataloader = dict(dataset=dict(**data, ann_file='annotations/face_landmarks_merl_rav_train.json'))
val_dataloader = dict(dataset=dict(**data, ann_file='annotations/face_landmarks_merl_rav_test.json'))
test_dataloader = val_dataloader
# NME_box and AUC_box at 7 %
val_evaluator = dict(norm='box', threshold=0.07)
test_evaluator = val_evaluator
