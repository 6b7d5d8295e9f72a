from .convert_keypoints import ConvertKeypoints
from .crop import CROP_RULES, FaceAffine, GetFaceCrop, RandomFaceSimilarity, crop_matrix
from .photometric import RandomBoxBlur, RandomByteNoise, RandomChannelGain, RandomGamma, RandomOcclusion
from .siamese_views import SiameseViews

__all__ = [
    'CROP_RULES', 'ConvertKeypoints', 'FaceAffine', 'GetFaceCrop', 'RandomBoxBlur', 'RandomByteNoise',
    'RandomChannelGain', 'RandomFaceSimilarity', 'RandomGamma', 'RandomOcclusion', 'SiameseViews', 'crop_matrix'
]
