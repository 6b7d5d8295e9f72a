# The tracker behind the frozen detector of attentive1d_mini.py, on clips of 8 frames; a config adds clips and detector
_base_ = ['./mini.py']
# codec and head as in attentive1d_mini.py, on which it cannot build: bases are four levels deep at most
# sigma: one cell of the features, as the default L / 64 is for features of 64 x 64
codec = dict(_delete_=True, type='MarginalHeatmap', input_size=_base_.codec.input_size, length=384, sigma=384 / 32)
model = dict(
    type='FaceTracker',
    head=dict(type='CoAttentionMarginalHead', in_channels=128, feature_size=32, channels=96, gamma=0.4),
    refinement=dict(channels=64, decay=0.3, reach=3.0),
    freeze_detector=True,
)
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
