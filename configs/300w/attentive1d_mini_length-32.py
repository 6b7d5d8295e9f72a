# a quarter of the input's side: with L = 64, the smallest ratio of P3's Table 1
_base_ = ['./attentive1d_mini.py']
length = 32
codec = dict(_base_.codec, length=length, sigma=length / 32)
model = dict(head=dict(length=length, decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
