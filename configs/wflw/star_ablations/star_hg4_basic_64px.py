# P4, Figure 4: input of 64 x 64 pixels
_base_ = ['./star_hg4_basic.py']
warp = [dict(type='FaceAffine', input_size=(64, 64))]
codec = dict(input_size=(64, 64), heatmap_size=(16, 16))
model = dict(head=dict(decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.load, *_base_.geometric, *warp, *_base_.photometric,
            dict(type='GenerateTarget', encoder=dict(_base_.codec, **codec)),
            dict(type='PackPoseInputs')
        ]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.load, *warp, dict(type='PackPoseInputs')]))
test_dataloader = val_dataloader
