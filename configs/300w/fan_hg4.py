# python tools/train.py configs/300w/fan_hg4.py
# 10 faces a step: 1 GPU x 10.
# 300W full, NME inter-ocular: not in the paper, not measured here
_base_ = ['../_base_/datasets/300w.py', '../_base_/methods/subpixel.py']
# The public FAN (Bulat and Tzimiropoulos, ICCV 2017; face-alignment package) for weights of
# tools/model_converters/convert_fan_checkpoint.py: four stacks, average pooling, one view of a face, quarter shift, and
# a crop that is made for the boxes of a detector. Its own training, on 300W-LP, is another one.
codec = dict(sigma=1.75, encoding='rounded', decoder='quarter_shift')
model = dict(
    type='TopdownPoseEstimator',
    backbone=dict(num_stacks=4, pooling='avg'),
    head=dict(stack_weights=(1.0, 1.0, 1.0, 1.0)),
)
crop = dict(rule='fan')
train_pipeline = _base_.single_pipeline
from mmfld.engine.combine import combine

combine(globals())
