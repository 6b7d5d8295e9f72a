# python tools/train.py configs/300w/subpixel_hg2_300w-lp.py
# 10 faces a step: 1 GPU x 10.
# 300W private, NME by the box: not in the paper, not measured here
_base_ = ['../_base_/datasets/300w_split1.py', '../_base_/methods/subpixel.py']
# Trained on 300W-LP, whose points are not the annotated ones. It holds renderings of faces of 300W's full test set,
# not of the private one that is tested here.
train_dataset = dict(
    data_root='data/300wlp/', ann_file='annotations/face_landmarks_300wlp_train.json', keypoint_offset=(0.0, 0.0)
)
from mmfld.engine.combine import combine

combine(globals())
