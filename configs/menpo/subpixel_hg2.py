# Trained on 300W (Split I), tested on the frontal faces of Menpo's training set
_base_ = ['../300w/subpixel_hg2_split1.py']
test_dataloader = dict(dataset=dict(data_root='data/menpo/', ann_file='annotations/face_landmarks_menpo_test.json'))
