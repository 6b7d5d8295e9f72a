# python tools/train.py configs/300vw/attentive1d_tracker.py
# 4 clips a step: 1 GPU x 4.
# 300VW, NME inter-ocular (scenario 1 / scenario 2 / scenario 3): 3.06 / 3.17 / 4.12 in the paper, not measured here
_base_ = ['../_base_/datasets/300vw.py', '../_base_/methods/attentive1d.py']
# The tracker: the temporal refinement, trained on the clips of 300VW behind the detector of attentive1d_hg4.py
model = dict(type='FaceTracker', refinement=dict(decay=0.3), freeze_detector=True)
load_from = 'work_dirs/300vw/attentive1d_hg4/epoch_10.pth'
find_unused_parameters = False
# crops as they are when a face is followed: by the landmarks of the frame before
train_dataset = dict(_delete_=True, **_base_.train_videos, clip_length=8, box='previous')
train_dataloader = dict(batch_size=4, collate_fn=dict(type='clip_collate'))
auto_scale_lr = dict(base_batch_size=4)
train_cfg = dict(max_epochs=5, val_interval=5)
param_scheduler = [dict(type='MultiStepLR', milestones=[3, 4], gamma=0.1, by_epoch=True)]
# whole videos in order
val_dataloader = dict(sampler=dict(_delete_=True, type='VideoSampler'))
test_dataloader = val_dataloader
from mmfld.engine.combine import combine
combine(globals())
