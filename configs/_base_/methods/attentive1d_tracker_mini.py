# The tracker behind the frozen detector of attentive1d_mini.py, on clips of 8 frames; a config adds clips and detector
_base_ = ['./attentive1d_mini.py']
model = dict(type='FaceTracker', refinement=dict(channels=64, decay=0.3, reach=3.0), freeze_detector=True)
find_unused_parameters = False
train_pipeline = [
    *_base_.load,
    *_base_.augmentation[:3],  # flip, similarity, warp
    dict(
        type='RandomBurst',
        prob=0.5,
        max_length=5,
        transforms=[dict(type='RandomOcclusion', prob=0.7), dict(type='RandomBoxBlur', prob=0.5)],
    ),
    dict(type='PerFrame', transforms=[dict(type='RandomByteNoise', prob=0.5)]),
    dict(type='GenerateTarget'),
    # with the rotation, by which a variant moves what is remembered (move_state)
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
train_dataloader = dict(batch_size=4, collate_fn=dict(type='clip_collate'))
auto_scale_lr = dict(base_batch_size=4)
val_dataloader = dict(batch_size=32, sampler=dict(_delete_=True, type='VideoSampler'))
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=8, val_interval=2)
param_scheduler = [dict(_base_.param_scheduler[0], end=50), _base_.param_scheduler[1]]
default_hooks = dict(ema=dict(momentum=0.01))
