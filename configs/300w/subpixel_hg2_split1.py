_base_ = ['../_base_/datasets/300w_split1.py', '../_base_/methods/subpixel.py']
from mmfld.engine.combine import combine
combine(globals())
