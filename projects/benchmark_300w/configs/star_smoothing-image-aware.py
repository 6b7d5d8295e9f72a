# P1, Table 6: image-aware label smoothing with STAR's loss
_base_ = ['./star.py']
model = dict(head=dict(target_key='keypoint_samples'))
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.augmentation,
            dict(type='GenerateTarget', encoder=dict(_base_.codec, type='ImageAwareSmoothing')),
            dict(type='PackPoseInputs')
        ]))
