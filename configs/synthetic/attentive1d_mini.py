# python tools/train.py configs/synthetic/attentive1d_mini.py
# 16 faces a step: 1 GPU x 16.
# Rendered clips, NME inter-ocular: not in the paper, 4.310 here (projects/video_tracking)
_base_ = ['../_base_/datasets/synthetic.py', '../_base_/methods/attentive1d_mini.py']
# The detector of attentive1d_tracker_mini.py: rendered faces, and every fourth frame of rendered clips
train_dataset = dict(
    _delete_=True,
    type='ConcatDataset',
    datasets=[
        _base_.train_dataset,
        dict(
            type='FaceVideoDataset',
            data_root='data/synthetic_clips/',
            data_prefix=dict(img='images/'),
            ann_file='annotations/face_landmarks_synthetic_clips_train.json',
            clip_length=1,
            clip_stride=4,
        ),
    ],
)
train_cfg = dict(max_epochs=8, val_interval=2)
param_scheduler = [dict(_base_.param_scheduler[0], end=50), _base_.param_scheduler[1]]
default_hooks = dict(ema=dict(momentum=0.005))
# what is measured on rendered clips is of this crop and head
crop = dict(rule='landmark_height', padding=1.1)
model = dict(head=dict(channels=128))
from mmfld.engine.combine import combine

combine(globals())
