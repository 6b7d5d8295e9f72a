_base_ = ['./subpixel_pipelines.py']
# Encoding of P3, with L = 3 F. Of crop and augmentation the paper says only that faces are cropped by their boxes: both
# are P2's. A method's config puts `attentive1d_pipeline` and `subpixel_test_pipeline` into its loaders, and
# `marginal_codec` into its head.
marginal_codec = dict(type='MarginalHeatmap', input_size=(256, 256), length=768)
attentive1d_augmentation = [*_base_.subpixel_load, *_base_.subpixel_augmentation]
attentive1d_pipeline = [
    *attentive1d_augmentation,
    dict(type='GenerateTarget', encoder=marginal_codec),
    dict(type='PackPoseInputs')
]
