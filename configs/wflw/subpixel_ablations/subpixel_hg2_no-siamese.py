# P2, Table 2: the proposed heatmaps without Siamese training
_base_ = ['../subpixel_hg2.py']
model = dict(type='TopdownPoseEstimator')
train_dataloader = dict(dataset=dict(pipeline=_base_.single_pipeline))
