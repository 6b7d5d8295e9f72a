# python tools/test.py configs/cofw/subpixel_hg2_68-points.py CHECKPOINT
# Tests weights of configs/300w/subpixel_hg2_split1.py.
# COFW-68, NME by the box: 2.47 in the paper, not measured here
_base_ = ['../_base_/datasets/300w_split1.py', '../_base_/methods/subpixel.py']
# trained on 300W (Split I), tested on COFW with 68 points
test_dataset = dict(data_root='data/cofw/', ann_file='annotations/cofw68_test.json')
from mmfld.engine.combine import combine

combine(globals())
