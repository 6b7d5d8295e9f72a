from .clip_collate import clip_collate
from .datasets import FaceLandmarkDataset, FaceVideoDataset
from .transforms import *  # noqa: F401,F403
from .video_sampler import VideoSampler

__all__ = ['FaceLandmarkDataset', 'FaceVideoDataset', 'VideoSampler', 'clip_collate']
