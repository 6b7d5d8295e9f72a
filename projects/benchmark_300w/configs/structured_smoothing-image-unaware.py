# P1, Table 6: label smoothing 'image_unaware'
_base_ = ['./structured.py']
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.augmentation,
            dict(type='GenerateTarget', encoder=dict(_base_.codec, mode='image_unaware')),
            dict(type='PackPoseInputs')
        ]))
