# python tools/train.py configs/aflw/subpixel_hg2_merl-rav.py
# 10 faces a step: 1 GPU x 10.
# MERL-RAV, NME by the box: not in the paper, not measured here
_base_ = ['../_base_/datasets/300w_split1.py', '../_base_/methods/subpixel.py']
# MERL-RAV: AFLW with 68 points, without those that the face itself hides
train_dataset = dict(data_root='data/merl_rav/', ann_file='annotations/face_landmarks_merl_rav_train.json')
val_dataset = dict(data_root='data/merl_rav/', ann_file='annotations/face_landmarks_merl_rav_test.json')
test_dataset = val_dataset
from mmfld.engine.combine import combine

combine(globals())
