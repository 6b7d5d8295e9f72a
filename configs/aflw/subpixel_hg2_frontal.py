# python tools/test.py configs/aflw/subpixel_hg2_frontal.py CHECKPOINT
# Tests weights of configs/aflw/subpixel_hg2.py.
# AFLW frontal, NME by the side of the box: 1.12 in the paper, not measured here
_base_ = ['../_base_/datasets/aflw.py', '../_base_/methods/subpixel.py']
# any checkpoint of subpixel_hg2.py, tested on the 1,314 faces with all landmarks visible
test_dataset = dict(ann_file='annotations/face_landmarks_aflw_test_frontal.json')
from mmfld.engine.combine import combine

combine(globals())
