# P3's detector for videos, trained on the frames of 300VW and on 300W. Ten epochs are three times the steps of
# configs/300w/attentive1d_hg4.py; the paper gives no number.
_base_ = [
    '../_base_/datasets/300vw_faces.py', '../_base_/models/attentive1d.py', '../_base_/schedules/adam_50e.py'
]
model = dict(
    backbone=dict(layout='300w68'),
    # gamma: P3, chosen by cross validation
    head=dict(layout='300w68', gamma=0.4, decoder=_base_.marginal_codec))
train_dataloader = dict(
    batch_size=10,
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            dict(
                type='FaceLandmarkDataset',
                layout='300w68',
                data_root='data/300w/',
                data_prefix=dict(img='images/'),
                ann_file='annotations/face_landmarks_300w_train.json',
                seed=0,
                pipeline=_base_.attentive1d_pipeline),
            dict(**_base_.train_videos, clip_length=1, pipeline=_base_.video_pipeline),
        ]))
train_cfg = dict(max_epochs=10, val_interval=10)
param_scheduler = [dict(type='MultiStepLR', milestones=[5, 8], gamma=0.1, by_epoch=True)]
