# P2, Table 1: the proposed heatmaps, without Siamese training as the other rows
_base_ = ['../subpixel_hg2_split1.py']
model = dict(type='TopdownPoseEstimator')
train_dataloader = dict(dataset=dict(pipeline=_base_.single_pipeline))
