# Eight epochs more of mmfld_tiny_mini, from its weights: the rows of rows.yml say what is tried in them
_base_ = ['../../configs/_base_/datasets/300w_mini.py', '../../configs/_base_/methods/mmfld_mini.py']
model = dict(backbone=dict(width=48))
keypoint_offset = (-1.0, 0.0)
train_pipeline = _base_.degraded_pipeline
load_from = 'mmfld/assets/mmfld_tiny_mini.pth'
train_cfg = dict(max_epochs=8, val_interval=4)
optim_wrapper = dict(optimizer=dict(lr=2.5e-3))
test_dataset = dict(ann_file='annotations/face_landmarks_300w_select.json')  # nothing of this is for the common set

teacher = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=_base_.model.data_preprocessor,
    backbone=dict(_base_.model.backbone, width=128),
    head=dict(_base_.model.head, decoder=_base_.codec),
    init_cfg=dict(type='Pretrained', checkpoint='mmfld/assets/mmfld_robust_mini.pth'),
)
beside_pipeline = [
    *_base_.degraded_pipeline[:5],
    dict(type='WorseBesideClean', transforms=_base_.degraded_pipeline[5:-2]),
    *_base_.degraded_pipeline[-2:],
]
with_rendered_heads = dict(
    _delete_=True,
    type='ConcatDataset',
    datasets=[
        _base_.train_dataset,
        dict(
            type='FaceLandmarkDataset',
            data_root='data/synthetic_profiles/',
            data_prefix=dict(img='images/'),
            ann_file='annotations/synthetic_300w68_train.json',
            keypoint_offset=(0.0, 0.0),
        ),
    ],
)
from mmfld.engine.combine import combine

combine(globals())
