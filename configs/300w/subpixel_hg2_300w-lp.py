_base_ = ['../_base_/datasets/300w_split1.py', '../_base_/methods/subpixel.py']
# trained on 300W-LP
train_dataset = dict(data_root='data/300wlp/', ann_file='annotations/face_landmarks_300wlp_train.json')
from mmfld.engine.combine import combine
combine(globals())
