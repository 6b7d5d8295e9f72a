_base_ = [
    '../_base_/datasets/cofw_faces.py', '../_base_/models/hourglass_aam.py', '../_base_/schedules/adam_200e.py'
]
codec = dict(type='ImageAwareSmoothing', layout='cofw29', input_size=(256, 256), heatmap_size=(64, 64), gamma=0.001)
model = dict(
    backbone=dict(layout='cofw29', heatmap_activation='none'),
    head=dict(
        type='StructuredHeatmapHead',
        layout='cofw29',
        loss_landmark=dict(
            type='StructuredHeatmapLoss', margin='smooth_l1', alpha=1., epsilon=1., loss_weight=5000.),
        decoder=codec))
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.augmentation, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]))
