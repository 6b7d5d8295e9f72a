# P3, Table 3, Ours+LAB: boundaries found as one-dimensional heatmaps guide the search for landmarks
_base_ = ['./attentive1d_hg4.py']
codec = dict(_base_.marginal_codec, type='BoundaryMarginalHeatmap', layout='300w68')
model = dict(head=dict(type='BoundaryMarginalHead', decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.attentive1d_augmentation,
            dict(type='GenerateTarget', encoder=codec),
            dict(type='PackPoseInputs')
        ]))
