"""Several random views of one face, for Siamese training (subpixel paper: Bulat et al., BMVC 2021, section 3.4)."""

import numpy as np
from mmcv.transforms import BaseTransform, Compose
from mmpose.registry import TRANSFORMS

from .crop import crop_matrix


@TRANSFORMS.register_module()
class SiameseViews(BaseTransform):
    """Augments one face several times; the targets stay in the frame of its crop, without augmentation.

    Stands between the crop rule (:class:`GetFaceCrop`) and the encoding of targets, in place of the augmentation.

    Required Keys:

        - img, keypoints, bbox_center, bbox_scale

    Modified Keys:

        - img (H, V * W, 3): the views side by side, so that loading, packing and browsing treat them as one image

    Added Keys:

        - transformed_keypoints (1, K, 2): in pixels of the crop without augmentation
        - view_matrices (V, 2, 3) float32: crop to view, both in [-1, 1] between the outer borders of the image (the
          grid of ``torch.nn.functional.affine_grid`` with ``align_corners=False``)
        - view_flips (V, ) bool: whether the landmarks of a view are those of the mirrored face
        - input_size, input_center, input_scale: of the crop without augmentation

    Args:
        augmentation (list[dict]): Transforms from ``RandomFlip`` to photometric ones, one of them ``FaceAffine``.
        num_views (int): V. Defaults to 2.
    """

    def __init__(self, augmentation: list[dict], num_views: int = 2):
        self.augmentation = Compose(augmentation)
        affine = [step for step in augmentation if step['type'] == 'FaceAffine']
        if len(affine) != 1:
            raise ValueError(f'expected one FaceAffine in the augmentation, found {len(affine)}')
        self.crop = Compose(affine)
        self.num_views = num_views

    def transform(self, results: dict) -> dict | None:
        views = [self.augmentation(dict(results)) for _ in range(self.num_views)]
        directions = {view['flip_direction'] for view in views if view.get('flip', False)}
        if directions - {'horizontal'}:
            raise ValueError(f'faces are mirrored horizontally, found flip_direction {sorted(directions)}')
        crop = self.crop(dict(results))
        to_image = np.linalg.inv(_normalized_matrix(crop, results['img'].shape[1]))
        for key in ('transformed_keypoints', 'input_size', 'input_center', 'input_scale'):
            results[key] = crop[key]
        results['view_matrices'] = np.stack(
            [(_normalized_matrix(view, results['img'].shape[1]) @ to_image)[:2] for view in views]
        ).astype(np.float32)
        results['view_flips'] = np.array([bool(view.get('flip', False)) for view in views])
        results['img'] = np.concatenate([view['img'] for view in views], axis=1)
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(augmentation={self.augmentation}, num_views={self.num_views})'


def _normalized_matrix(view: dict, image_width: int) -> np.ndarray:
    """(3, 3) from pixels of the image as it was loaded to the view in [-1, 1]."""
    width, height = view['input_size']
    rotation = view['bbox_rotation'][0] if 'bbox_rotation' in view else 0.0
    matrix = np.eye(3)
    matrix[:2] = crop_matrix(view['bbox_center'][0], view['bbox_scale'][0], rotation, (width, height))
    if view.get('flip', False):  # RandomFlip mirrors the image before the crop
        matrix = matrix @ np.array([[-1, 0, image_width - 1], [0, 1, 0], [0, 0, 1]])
    to_normalized = np.array([[2 / width, 0, 1 / width - 1], [0, 2 / height, 1 / height - 1], [0, 0, 1]])
    return to_normalized @ matrix
