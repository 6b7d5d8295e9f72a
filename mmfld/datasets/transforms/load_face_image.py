"""Images of annotated faces, read as everything here reads them."""

import numpy as np
from mmengine import fileio
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

from ...codecs.outside import lies_inside
from ...runtime.images import decode_image
from ..datasets.face_annotation import are_far


@TRANSFORMS.register_module()
class LoadFaceImage(LoadImage):
    """Loads an image as :func:`mmfld.runtime.read_image` does, complete and the right way up whatever its format.

    MMPose's LoadImage fills what is missing of a JPEG with grey, and does not turn a WebP as a camera was held.

    Required Keys:

        - img_path
        - image_size (optional): (width, height) that the annotation file says
        - keypoints, keypoints_visible (optional): (1, K, 2) and (1, K); looked at here if the file does not say it
        - img (optional): taken as it is, as by LoadImage

    Modified Keys:

        - img (H, W, 3): uint8 BGR, or float32 with ``to_float32``
        - img_shape, ori_shape: (H, W)

    Args:
        ignore_orientation (bool): Take the pixels as they are stored, whatever EXIF says of how the camera was held:
            for points that were annotated so. OpenCV follows that of a TIFF all the same. Defaults to False.
        **kwargs: Of LoadImage.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no complete image, has another size than the annotation file says, or if that says
            none, and annotated points lie far outside of it, or all of them outside.
    """

    def __init__(self, ignore_orientation: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.ignore_orientation = ignore_orientation

    def transform(self, results: dict) -> dict | None:
        """Load an image that is not there yet."""
        if 'img' not in results:
            path = results['img_path']
            content = fileio.get(path, backend_args=self.backend_args)
            image = decode_image(content, str(path), self.ignore_orientation)
            self._check_size(content, image, path, results.get('image_size'))
            if results.get('image_size') is None and 'keypoints' in results:
                _check_points(image, path, results['keypoints'], results.get('keypoints_visible'))
            results['img'] = image.astype(np.float32) if self.to_float32 else image
        return super().transform(results)

    def _check_size(self, content: bytes, image: np.ndarray, path: str, expected: tuple | None) -> None:
        found = image.shape[1::-1]
        if expected is None or found == tuple(expected):
            return
        hint = ''
        if not self.ignore_orientation and decode_image(content, str(path), True).shape[1::-1] == tuple(expected):
            hint = (
                ', which its pixels have as they are stored, before they are turned as EXIF says: if its points were '
                "annotated so, take dict(type='LoadFaceImage', ignore_orientation=True)"
            )
        raise ValueError(
            f'{path}: found {found[0]} x {found[1]} pixels, expected {expected[0]} x {expected[1]} as the '
            f'annotation file says (width, height of the image){hint}'
        )


def _check_points(image: np.ndarray, path: str, keypoints: np.ndarray, visible: np.ndarray | None) -> None:
    """As :class:`~mmfld.datasets.datasets.face_annotation.FaceReader` does where the size is known beforehand."""
    size = image.shape[1::-1]
    for points, seen in zip(keypoints, np.ones(keypoints.shape[:2]) if visible is None else visible):
        annotated = points[np.reshape(seen, (len(points), -1))[:, 0] > 0]
        far = np.flatnonzero(are_far(annotated, size))
        if not len(far) and (lies_inside(annotated, size).any() or not len(annotated)):
            continue
        x, y = annotated[far[0] if len(far) else 0]
        found = f'{"a point" if len(far) else "all points outside, one"} at ({x:g}, {y:g})'
        raise ValueError(
            f'{path}: found {found}, expected those of a face in or near an image of {size[0]} x {size[1]} pixels'
        )
