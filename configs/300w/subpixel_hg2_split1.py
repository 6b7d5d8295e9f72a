# python tools/train.py configs/300w/subpixel_hg2_split1.py
# 10 faces a step: 1 GPU x 10.
# 300W private, NME by the box: 2.04 in the paper, not measured here
_base_ = ['../_base_/datasets/300w_split1.py', '../_base_/methods/subpixel.py']
from mmfld.engine.combine import combine

combine(globals())
