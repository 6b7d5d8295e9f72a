# P1, Table 6: label smoothing 'none'
_base_ = ['./structured.py']
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.augmentation,
            dict(type='GenerateTarget', encoder=dict(_base_.codec, mode='none')),
            dict(type='PackPoseInputs')
        ]))
