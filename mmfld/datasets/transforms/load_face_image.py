"""Images of annotated faces, read as everything here reads them."""

import numpy as np
from mmengine import fileio
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

from ...runtime.images import decode_image


@TRANSFORMS.register_module()
class LoadFaceImage(LoadImage):
    """Loads an image as :func:`mmfld.runtime.read_image` does, complete and the right way up whatever its format.

    MMPose's LoadImage fills what is missing of a JPEG with grey, and does not turn a WebP as a camera was held.

    Required Keys:

        - img_path
        - image_size (optional): (width, height) that the annotation file says
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
        ValueError: If the file is no complete image, or has another size than the annotation file says.
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
