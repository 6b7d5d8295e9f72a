# python tools/train.py configs/300w/mmfld_robust_mini.py
# 16 faces a step: 1 GPU x 16.
# 300W common, NME inter-ocular: not in the paper, not measured here
_base_ = ['./mmfld_best_mini.py']
# The weights of mmfld_best_mini.py, trained on with worse pictures: small, compressed, moved, blurred, dark, coloured
# and covered ones; a quarter of the faces stay as they are.
load_from = 'mmfld/assets/mmfld_best_mini.pth'
augmentation = [
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomFaceSimilarity', rotation=15.0, scale=0.04, shift=0.02),
    dict(type='FaceAffine'),
    dict(type='RandomCover', prob=0.3, high=0.7),
    dict(type='RandomLowResolution', prob=0.12),
    dict(type='RandomMotionBlur', prob=0.08),
    dict(type='RandomBoxBlur', prob=0.12, max_kernel=0.12),
    dict(type='RandomGamma', prob=0.15),
    dict(type='RandomBrightness', prob=0.1),
    dict(type='RandomChannelGain', prob=0.12, low=0.4, high=1.7),
    dict(type='RandomByteNoise', prob=0.06),
    dict(type='RandomGrayscale', prob=0.08, keep_channels=True, channel_weights=(0.299, 0.587, 0.114)),
    dict(type='RandomJPEG', prob=0.08),
]
train_pipeline = [*_base_.load, *augmentation, dict(type='GenerateTarget'), dict(type='PackPoseInputs')]

train_cfg = dict(max_epochs=80)
optim_wrapper = dict(optimizer=dict(lr=2.5e-3))
from mmfld.engine.combine import combine

combine(globals())
