# Crop, augmentation and encoding of P2. A method's config puts `siamese_pipeline`, or `single_pipeline`, and
# `subpixel_test_pipeline` into its loaders, and `codec` into its head.
codec = dict(type='ContinuousHeatmap', input_size=(256, 256), heatmap_size=(64, 64), sigma=1.5, window=5, tau=10.)
subpixel_load = [dict(type='LoadImage'), dict(type='GetFaceCrop', rule='face_220')]
subpixel_warp = [dict(type='FaceAffine', input_size=(256, 256))]
subpixel_augmentation = [
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomFaceSimilarity', rotation=30., scale=0.15, shift=0., distribution='uniform'),
    *subpixel_warp,
    dict(type='RandomChannelGain', low=0.6, high=1.4),
]
siamese_pipeline = [
    *subpixel_load,
    dict(type='SiameseViews', augmentation=subpixel_augmentation),
    dict(type='GenerateTarget', encoder=codec),
    dict(
        type='PackPoseInputs',
        meta_keys=('id', 'img_id', 'img_path', 'input_size', 'input_center', 'input_scale', 'flip_indices',
                   'view_matrices', 'view_flips')),
]
single_pipeline = [
    *subpixel_load, *subpixel_augmentation,
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs')
]
subpixel_test_pipeline = [*subpixel_load, *subpixel_warp, dict(type='PackPoseInputs')]
