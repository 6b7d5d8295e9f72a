# The most accurate CPU-sized model: structured_hg2_mini.py with twice the schedule, wider augmentation for it, and
# heatmaps averaged with those of the mirrored face: 1.2 G multiply-adds a face with both passes.
_base_ = ['./structured_hg2_mini.py']
epochs = 90
wider = dict(type='RandomFaceSimilarity', rotation=15., scale=0.1, shift=0.04)
augmentation = [wider if step['type'] == wider['type'] else step for step in _base_.augmentation]
model = dict(test_cfg=dict(flip_test=True))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*augmentation, dict(type='GenerateTarget', encoder=_base_.codec), dict(type='PackPoseInputs')]))
train_cfg = dict(max_epochs=epochs, val_interval=3)
optim_wrapper = dict(optimizer=dict(fused=True))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=epochs, eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(interval=3))
