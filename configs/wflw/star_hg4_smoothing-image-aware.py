# P1, Table 6: image-aware label smoothing with STAR's loss, in P1's setup. The row without smoothing is star_hg4.py.
_base_ = ['./structured_hg4.py']
model = dict(
    backbone=dict(heatmap_activation='in_relu'),
    head=dict(
        _delete_=True,
        type='STARHead',
        layout='wflw98',
        loss_landmark=dict(type='STARLoss'),
        target_key='keypoint_samples',
        decoder=dict(type='BoundaryAwareHeatmap', layout='wflw98', input_size=(256, 256), heatmap_size=(64, 64))))
