"""From a face's landmark box to the network input: named crop rules, a random similarity and ONE warp for both."""

from contextlib import nullcontext

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.datasets.transforms import TopdownAffine
from mmpose.registry import TRANSFORMS

from ...runtime.crops import CROP_RULES, crop_matrix, crop_of_box, needs_face, warp
from ...structures import FaceLayout, get_layout
from ..random_state import random_state


@TRANSFORMS.register_module()
class GetFaceCrop(BaseTransform):
    """Square crop around a face by a named rule; ``docs/concepts/crops_and_metrics.md`` says which and what they cut
    off.

    The rule belongs to the model: say it once, as ``crop`` of the config; inference reads it from there.

    Required Keys:

        - bbox: (1, 4) tight box of the landmarks (x1, y1, x2, y2) in image pixels, as FaceLandmarkDataset gives it
        - face_box (optional): (1, 4) box of the face, for ``face_220`` and layouts without a contour, which span less;
          without it it is estimated

    Added Keys:

        - bbox_center (1, 2), bbox_scale (1, 2): in image pixels

    Args:
        rule (str): Of :data:`mmfld.runtime.crops.CROP_RULES`. Defaults to ``'longer_side'``.
        padding (float): Factor on the side. Defaults to 1.
        layout (str | FaceLayout): Tells whether the landmarks span the face. Defaults to ``'300w68'``.

    Raises:
        ValueError: While transforming, if the box is empty, or ``face_box`` is needed and the image already mirrored.
    """

    def __init__(self, rule: str = 'longer_side', padding: float = 1.0, layout: str | FaceLayout = '300w68'):
        if rule not in CROP_RULES:
            raise ValueError(f'unknown crop rule {rule!r}, expected one of {sorted(CROP_RULES)}')
        self.rule = rule
        self.padding = padding
        self.layout = get_layout(layout)

    def transform(self, results: dict) -> dict | None:
        face_box = results['face_box'][0] if 'face_box' in results else None
        if face_box is not None and needs_face(self.rule, self.layout) and results.get('flip', False):
            raise ValueError(
                f'{results.get("img_path")}: found GetFaceCrop after RandomFlip, which mirrors the '
                'landmarks and not the annotated face_box; expected GetFaceCrop before it'
            )
        center, side = crop_of_box(results['bbox'][0], self.rule, self.padding, self.layout, face_box)
        if not side > 0:
            raise ValueError(f'{results.get("img_path")}: the landmark box {results["bbox"][0].tolist()} is empty')
        results['bbox_center'] = center[None].astype(np.float32)
        results['bbox_scale'] = np.full((1, 2), side, np.float32)
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(rule={self.rule!r}, padding={self.padding}, layout={self.layout.name!r})'


@TRANSFORMS.register_module()
class RandomFaceSimilarity(BaseTransform):
    """Random rotation, scale and shift of the crop.

    Gaussian and unbounded (STAR reference code) or uniform (subpixel paper). Only the crop's centre, scale and rotation
    change; :class:`FaceAffine` then samples the image once.

    Required and modified Keys:

        - bbox_center, bbox_scale

    Added Keys:

        - bbox_rotation (1, ): degrees, in MMPose's sense (positive turns the face anti-clockwise on the screen)

    Args:
        rotation (float): Standard deviation, or largest value, in degrees. Defaults to 18.
        scale (float): Of the face's magnification around 1. Defaults to 0.1.
        shift (float): Per axis, as a fraction of the crop's side. Defaults to 0.05.
        prob (float): Defaults to 1.
        distribution (str): ``'normal'``, with standard deviations as above, or ``'uniform'``, with largest values.
            Defaults to ``'normal'``.
        seed (int, optional): The same numbers for a face each time, by its ``id``, whatever comes before it: for
            testing on rough boxes. Defaults to None, other numbers each time.
    """

    def __init__(
        self,
        rotation: float = 18.0,
        scale: float = 0.1,
        shift: float = 0.05,
        prob: float = 1.0,
        distribution: str = 'normal',
        seed: int | None = None,
    ):
        if distribution not in ('normal', 'uniform'):
            raise ValueError(f"distribution must be 'normal' or 'uniform', got {distribution!r}")
        self.distribution = distribution
        self.rotation = rotation
        self.scale = scale
        self.shift = shift
        self.prob = prob
        self.seed = seed

    def transform(self, results: dict) -> dict | None:
        # a picture in inference has no id
        with nullcontext() if self.seed is None else random_state((self.seed, results.get('id', 0))):
            return self._transform(results)

    def _transform(self, results: dict) -> dict:
        if np.random.rand() >= self.prob:
            return results
        normal = self.distribution == 'normal'
        angle, scale, *shift = np.random.standard_normal(4) if normal else np.random.uniform(-1, 1, 4)
        angle, scale, shift = angle * self.rotation, 1 + scale * self.scale, np.array(shift) * self.shift
        # moving the face by t in the rotated and magnified crop is moving the crop by -R^T t / scale in the image
        side = results['bbox_scale'] / scale
        cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        to_image = np.array([[cos, -sin], [sin, cos]])
        results['bbox_center'] = (results['bbox_center'] - (to_image @ shift) * side).astype(np.float32)
        results['bbox_scale'] = side.astype(np.float32)
        results['bbox_rotation'] = np.array([angle], np.float32)
        return results

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(rotation={self.rotation}, scale={self.scale}, shift={self.shift}, '
            f'prob={self.prob}, distribution={self.distribution!r}, seed={self.seed})'
        )


@TRANSFORMS.register_module()
class FaceAffine(TopdownAffine):
    """Samples the network input from the image in one bilinear warp, zero outside (STAR reference code).

    As MMPose's TopdownAffine, but exact in half pixels: a crop of side s becomes W pixels whose outer borders are the
    crop's. ``input_center`` is set so that MMPose's estimators map predictions back exactly.

    Args:
        input_size (tuple): (W, H) of the network input in pixels.

    Raises:
        ValueError: While transforming, if image and crop are larger than OpenCV's warps take.
    """

    def __init__(self, input_size: tuple[int, int]):
        super().__init__(input_size=input_size)

    def transform(self, results: dict) -> dict | None:
        size = self.input_size
        results['bbox_scale'] = self._fix_aspect_ratio(results['bbox_scale'], aspect_ratio=size[0] / size[1])
        center, scale = results['bbox_center'][0], results['bbox_scale'][0]
        rotation = results['bbox_rotation'][0] if 'bbox_rotation' in results else 0.0
        matrix = crop_matrix(center, scale, rotation, size)
        try:
            results['img'] = warp(results['img'], matrix, size)
        except ValueError as error:
            raise ValueError(f'{results.get("img_path")}: {error}') from error
        if results.get('keypoints') is not None:
            points = results['keypoints'][..., :2]
            results['transformed_keypoints'] = (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        results['input_size'] = tuple(size)
        # the estimator computes p / W * scale + input_center - scale / 2; half a crop pixel makes that the inverse
        results['input_center'] = (center + 0.5 * scale / np.array(size)).astype(np.float32)
        results['input_scale'] = scale
        return results
