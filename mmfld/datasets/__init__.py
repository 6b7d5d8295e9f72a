from .datasets import FaceLandmarkDataset
from .transforms import *  # noqa: F401,F403

__all__ = ['FaceLandmarkDataset']
