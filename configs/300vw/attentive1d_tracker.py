# python tools/train.py configs/300vw/attentive1d_tracker.py
# 10 clips a step: 1 GPU x 10.
# 300VW, NME inter-ocular (scenario 1 / scenario 2 / scenario 3): 3.06 / 3.17 / 4.12 in the paper, not measured here
_base_ = ['../_base_/datasets/300vw.py', '../_base_/methods/attentive1d.py']
# The tracker: detector and temporal refinement trained together on the clips of 300VW (Eq. 14), from the detector of
# attentive1d_hg4.py, which has seen 300W as well: its images are used "only to train the detector inside the tracker"
# (section 5.1). The batch of 10 counts clips; their length is not printed.
# As in Eq. 13 all frames are remembered, and nothing but the refined heatmaps has a loss, so that the detector's own,
# whose height would tell doubtful frames (min_score), may become anything.
model = dict(type='FaceTracker', refinement=dict(decay=0.3, reach=3.0), freeze_detector=False, min_score=0.0)
starts_from = 'configs/300vw/attentive1d_hg4.py'
# crops as they are when a face is followed: by the landmarks of the frame before
train_dataset = dict(_delete_=True, **_base_.train_videos, clip_length=8, box='previous')
# with the rotation, by which a variant moves what is remembered (move_state)
train_pipeline = [
    *_base_.single_pipeline[:-1],
    dict(
        type='PackPoseInputs',
        meta_keys=(
            'id',
            'img_id',
            'img_path',
            'input_size',
            'input_center',
            'input_scale',
            'bbox_rotation',
            'flip_indices',
        ),
    ),
]
train_dataloader = dict(batch_size=10, collate_fn=dict(type='clip_collate'))
auto_scale_lr = dict(base_batch_size=10)
train_cfg = dict(max_epochs=5, val_interval=5)
param_scheduler = [dict(type='MultiStepLR', milestones=[3, 4], gamma=0.1, by_epoch=True)]
# whole videos in order
val_dataloader = dict(sampler=dict(_delete_=True, type='VideoSampler'))
test_dataloader = val_dataloader
from mmfld.engine.combine import combine

combine(globals())
