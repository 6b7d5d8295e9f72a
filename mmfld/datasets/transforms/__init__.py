from .clip import PerFrame, RandomBurst
from .convert_keypoints import ConvertKeypoints
from .crop import CROP_RULES, FaceAffine, GetFaceCrop, RandomFaceSimilarity, crop_matrix
from .degradation import RandomBrightness, RandomCover, RandomJPEG, RandomLowResolution, RandomMotionBlur
from .load_face_image import LoadFaceImage
from .load_video_frame import LoadVideoFrame
from .photometric import RandomBoxBlur, RandomByteNoise, RandomChannelGain, RandomGamma, RandomOcclusion
from .siamese_views import SiameseViews

__all__ = [
    'CROP_RULES',
    'ConvertKeypoints',
    'FaceAffine',
    'GetFaceCrop',
    'LoadFaceImage',
    'LoadVideoFrame',
    'PerFrame',
    'RandomBoxBlur',
    'RandomBrightness',
    'RandomBurst',
    'RandomByteNoise',
    'RandomChannelGain',
    'RandomCover',
    'RandomFaceSimilarity',
    'RandomGamma',
    'RandomJPEG',
    'RandomLowResolution',
    'RandomMotionBlur',
    'RandomOcclusion',
    'SiameseViews',
    'crop_matrix',
]
