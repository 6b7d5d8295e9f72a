# P1 with the attention maps of its full-size network
_base_ = ['./structured.py']
model = dict(backbone=dict(use_aam=True))
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.augmentation,
            dict(type='GenerateTarget', encoder=dict(_base_.codec, with_maps=True)),
            dict(type='PackPoseInputs')
        ]))
