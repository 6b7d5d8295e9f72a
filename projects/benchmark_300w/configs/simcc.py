_base_ = ['../../../configs/_base_/datasets/300w_mini.py', './_base_.py']
# MMPose's own head for one-dimensional distributions: two bins a pixel; sigma is that of MMPose's 256 px, halved
codec = dict(_delete_=True, type='SimCCLabel', input_size=_base_.codec.input_size, sigma=3.0, simcc_split_ratio=2.0)
model = dict(
    neck=dict(type='StackFeatures'),
    head=dict(
        type='SimCCHead',
        in_channels=_base_.model.backbone.width,
        out_channels=68,
        in_featuremap_size=_base_.codec.heatmap_size,
        simcc_split_ratio=2.0,
        deconv_out_channels=None,
        loss=dict(type='KLDiscretLoss', use_target_weight=True),
    ),
)
# this head computes the accuracy of every batch, which bfloat16 does not allow
optim_wrapper = dict(_delete_=True, type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-3))
find_unused_parameters = True  # the network's own heatmaps take no part in the loss
from mmfld.engine.combine import combine

combine(globals())
