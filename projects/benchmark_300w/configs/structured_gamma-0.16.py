# P1 with label samples 0.4 cells wide instead of 0.1, so that the loss, which snaps them to cells, sees on average where
# between the cells a landmark is
_base_ = ['./structured.py']
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.augmentation,
            dict(type='GenerateTarget', encoder=dict(_base_.codec, gamma=0.16)),
            dict(type='PackPoseInputs')
        ]))
