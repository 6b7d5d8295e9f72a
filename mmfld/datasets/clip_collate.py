"""A batch of clips as a batch of frames."""

from mmengine.dataset import pseudo_collate
from mmengine.registry import FUNCTIONS


@FUNCTIONS.register_module()
def clip_collate(clips: list[list[dict]]) -> dict:
    """Join the frames of clips, clip after clip, so that a model's data preprocessor sees a batch of images.

    Args:
        clips (list[list[dict]]): B items of :class:`FaceVideoDataset`; those of a test set may differ in length.

    Returns:
        dict: ``inputs``, a list of the N frames of all clips, each (3, H, W), and ``data_samples``, a list of N
        :class:`PoseDataSample`. N is B * T for clips of T frames.
    """
    return pseudo_collate([frame for clip in clips for frame in clip])
