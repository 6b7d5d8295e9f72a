from .crop import CROP_RULES, FaceAffine, GetFaceCrop, RandomFaceSimilarity, crop_matrix
from .photometric import RandomBoxBlur, RandomByteNoise, RandomGamma, RandomOcclusion

__all__ = [
    'CROP_RULES', 'FaceAffine', 'GetFaceCrop', 'RandomBoxBlur', 'RandomByteNoise', 'RandomFaceSimilarity',
    'RandomGamma', 'RandomOcclusion', 'crop_matrix'
]
