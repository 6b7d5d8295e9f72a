# python tools/train.py configs/300vw/attentive1d_hg4.py
# 10 faces a step: 1 GPU x 10.
# 300VW, NME inter-ocular: not in the paper, not measured here
_base_ = ['../_base_/datasets/300vw.py', '../_base_/methods/attentive1d.py']
# The detector for videos, trained on the frames of 300VW and on 300W. Ten epochs are 6.2 times the steps of
# configs/300w/attentive1d_hg4.py; the paper gives no number.
train_cfg = dict(max_epochs=10, val_interval=10)
param_scheduler = [dict(type='MultiStepLR', milestones=[5, 8], gamma=0.1, by_epoch=True)]
# whole videos in order, as a tracker needs them
val_dataloader = dict(sampler=dict(_delete_=True, type='VideoSampler'))
test_dataloader = val_dataloader
from mmfld.engine.combine import combine

combine(globals())
