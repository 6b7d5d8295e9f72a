# P3, Table 1: bins of an axis
_base_ = ['../attentive1d_hg4.py']
codec = dict(_base_.marginal_codec, length=128)
model = dict(head=dict(length=128, decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.attentive1d_augmentation,
            dict(type='GenerateTarget', encoder=codec),
            dict(type='PackPoseInputs')
        ]))
