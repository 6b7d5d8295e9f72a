custom_imports = dict(imports=['mmfld'], allow_failed_imports=False)
default_scope = 'mmpose'
# what MMPose's inferencers look up
data_mode = 'topdown'
dataset_type = 'FaceLandmarkDataset'

# a method says how many faces a process takes at a time, and for how many a step it is written,
# auto_scale_lr.base_batch_size; tools/train.py scales learning rate and EMA to another batch
train_dataloader = dict(num_workers=4, persistent_workers=True, sampler=dict(type='DefaultSampler', shuffle=True))
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
)
test_dataloader = val_dataloader

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='SafeCheckpointHook', interval=1, max_keep_ckpts=2, save_best='NME', rule='less'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    epoch_seed=dict(type='EpochSeedHook'),
    plain_checkpoint=dict(type='PlainCheckpointHook'),
    finite_loss=dict(type='FiniteLossHook'),
    sync_statistics=dict(type='SyncStatisticsHook'),
    measurable_faces=dict(type='MeasurableFacesHook'),
    visualization=dict(type='PoseVisualizationHook', enable=False),
)

env_cfg = dict(
    cudnn_benchmark=True, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0), dist_cfg=dict(backend='nccl')
)

visualizer = dict(type='PoseLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer', radius=1)

log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True, num_digits=6)
log_level = 'INFO'
randomness = dict(seed=0)
load_from = None
resume = False

val_cfg = dict()
test_cfg = dict()
