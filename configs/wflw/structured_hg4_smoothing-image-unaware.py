# P1, Table 6
_base_ = ['./structured_hg4.py']
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.augmentation,
            dict(type='GenerateTarget', encoder=dict(_base_.codec, mode='image_unaware')),
            dict(type='PackPoseInputs')
        ]))
model = dict(head=dict(decoder=dict(mode='image_unaware')))
