"""Landmarks of a data set in another layout."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import TRANSFORMS

from mmfld.structures import get_conversion


@TRANSFORMS.register_module()
class ConvertKeypoints(BaseTransform):
    """Converts landmarks from one layout to another, e.g. to train a network of 68 landmarks on WFLW.

    After it a sample is what :class:`FaceLandmarkDataset` reads from annotations in the target layout, box included.
    Before :class:`GetFaceCrop`, the crop is that of faces annotated in the target layout; between it and
    :class:`FaceAffine`, that of the landmarks as they were annotated. A landmark is annotated if all those it is made
    from are. The meta information of the dataset object stays that of the source.

    Required and modified Keys:

        - the dataset's meta information, such as flip_indices (T values)

    Modified Keys, absent in inference:

        - keypoints (1, T, 2) in image pixels, keypoints_visible (1, T), num_keypoints, bbox (1, 4)

    Args:
        source (str): Layout of the landmarks.
        target (str): See :mod:`mmfld.structures.layout_conversion` for the conversions that exist.

    Raises:
        KeyError: At construction, if there is no such layout or conversion.
        ValueError: If the landmarks are not those of the source, none of the target is annotated, or they were warped
            already.
    """

    def __init__(self, source: str, target: str):
        self.conversion = get_conversion(source, target)
        self.metainfo = parse_pose_metainfo(self.conversion.target.metainfo)

    def transform(self, results: dict) -> dict | None:
        if 'transformed_keypoints' in results:
            raise ValueError('found transformed_keypoints, expected ConvertKeypoints before FaceAffine')
        results.update({key: value for key, value in self.metainfo.items() if key in results})
        if results.get('keypoints') is None:
            return results
        keypoints = self.conversion.keypoints(results['keypoints'])
        visible = self.conversion.scores(results['keypoints_visible'])
        annotated = keypoints[visible > 0]
        if not len(annotated):
            raise ValueError(
                f'{results.get("img_path")}: none of the landmarks of layout '
                f'{self.conversion.target.name!r} can be made from those that are annotated'
            )
        results['keypoints'], results['keypoints_visible'] = keypoints, visible
        results['num_keypoints'] = len(annotated)
        results['bbox'] = np.concatenate([annotated.min(axis=0), annotated.max(axis=0)])[None]
        return results

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(source={self.conversion.source.name!r}, target={self.conversion.target.name!r})'
        )
