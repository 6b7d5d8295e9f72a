from .camera import Camera
from .clip import Burst, SyntheticClipGenerator
from .face_model import Expression, FaceShape, Identity
from .generator import FLAGS, SyntheticFace, SyntheticFaceGenerator
from .landmarks import LAYOUTS, ProjectedFace, project_face
from .motion import FRAME_RATE, STILL, Motion
from .moving_face import MovingFrame, moving_face

__all__ = [
    'Burst',
    'Camera',
    'Expression',
    'FLAGS',
    'FRAME_RATE',
    'FaceShape',
    'Identity',
    'LAYOUTS',
    'Motion',
    'MovingFrame',
    'ProjectedFace',
    'STILL',
    'SyntheticClipGenerator',
    'SyntheticFace',
    'SyntheticFaceGenerator',
    'moving_face',
    'project_face',
]
