from .camera import Camera
from .face_model import Expression, FaceShape, Identity
from .generator import FLAGS, SyntheticFace, SyntheticFaceGenerator
from .landmarks import ProjectedFace, project_face

__all__ = [
    'Camera', 'Expression', 'FLAGS', 'FaceShape', 'Identity', 'ProjectedFace', 'SyntheticFace',
    'SyntheticFaceGenerator', 'project_face'
]
