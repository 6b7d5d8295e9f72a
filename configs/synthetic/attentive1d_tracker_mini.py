# python tools/train.py configs/synthetic/attentive1d_tracker_mini.py
# 4 clips a step: 1 GPU x 4.
# Rendered clips, NME inter-ocular: not in the paper, 4.108 here with reach=0 and min_score=0 (projects/video_tracking)
_base_ = ['../_base_/datasets/synthetic_clips.py', '../_base_/methods/attentive1d_tracker_mini.py']
# The tracker on rendered clips, behind the frozen detector of attentive1d_mini.py
starts_from = 'configs/synthetic/attentive1d_mini.py'
# what is measured on rendered clips is of this crop and head
crop = dict(rule='landmark_height', padding=1.1)
model = dict(head=dict(channels=128))
from mmfld.engine.combine import combine

combine(globals())
