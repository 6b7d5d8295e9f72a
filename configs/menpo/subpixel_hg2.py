# python tools/test.py configs/menpo/subpixel_hg2.py CHECKPOINT
# Tests weights of configs/300w/subpixel_hg2_split1.py.
# Menpo frontal, NME by the box: 1.95 in the paper, not measured here
_base_ = ['../_base_/datasets/300w_split1.py', '../_base_/methods/subpixel.py']
# trained on 300W (Split I), tested on the 6,679 frontal faces of Menpo's training set
test_dataset = dict(data_root='data/menpo/', ann_file='annotations/face_landmarks_menpo_test.json')
from mmfld.engine.combine import combine

combine(globals())
