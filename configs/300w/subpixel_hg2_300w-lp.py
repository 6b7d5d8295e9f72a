# Trained on 300W-LP, tested on the 600 private faces of 300W (Split I)
_base_ = ['./subpixel_hg2_split1.py']
train_dataloader = dict(
    dataset=dict(data_root='data/300wlp/', ann_file='annotations/face_landmarks_300wlp_train.json'))
