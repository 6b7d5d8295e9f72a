# A second look at higher resolution: tiny.py for the 49 inner landmarks alone, in a crop of their own
_base_ = ['./tiny.py']
load_from = 'work_dirs/small_models/inner.pth'
layout = '300w49'
crop = dict(rule='longer_side', padding=1.15)
inner = dict(data_root='', data_prefix=dict(img='data/300w/images/'))
train_dataset = dict(inner, ann_file='work_dirs/small_models/inner_face_landmarks_300w_fit.json')
val_dataset = dict(inner, ann_file='work_dirs/small_models/inner_face_landmarks_300w_select.json')
test_dataset = val_dataset
from mmfld.engine.combine import combine

combine(globals())
