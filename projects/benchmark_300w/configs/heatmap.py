_base_ = ['../../../configs/_base_/datasets/300w_mini.py', './_base_.py']
# MMPose's own head: Gaussian heatmaps, mean squared error, quarter shift (the codec of its 300W configs)
codec = dict(type='MSRAHeatmap', sigma=1.5)
model = dict(
    neck=dict(type='StackFeatures'),
    head=dict(
        type='HeatmapHead',
        in_channels=_base_.model.backbone.width,
        out_channels=68,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
    ),
    # the accuracy of a batch cannot be computed in bfloat16
    train_cfg=dict(compute_acc=False),
)
find_unused_parameters = True  # the network's own heatmaps take no part in the loss
from mmfld.engine.combine import combine

combine(globals())
