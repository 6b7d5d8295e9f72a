# P2, Table 1: l2 regression of quantised heatmaps
_base_ = ['./subpixel_hg2_no-siamese.py']
codec = dict(encoding='rounded', decoder='quarter_shift')
model = dict(head=dict(decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.subpixel_load, *_base_.subpixel_augmentation,
            dict(type='GenerateTarget', encoder=dict(_base_.codec, **codec)),
            dict(type='PackPoseInputs')
        ]))
