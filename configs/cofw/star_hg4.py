_base_ = [
    '../_base_/datasets/cofw_faces.py', '../_base_/models/hourglass_aam.py', '../_base_/schedules/adam_500e.py'
]
codec = dict(type='BoundaryAwareHeatmap', layout='cofw29', input_size=(256, 256), heatmap_size=(64, 64))
model = dict(
    backbone=dict(layout='cofw29', heatmap_activation='in_relu'),
    head=dict(
        type='STARHead',
        layout='cofw29',
        loss_landmark=dict(type='STARLoss', distance='smooth_l1', restriction='value'),
        decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
