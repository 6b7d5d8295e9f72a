"""One annotated face of a COCO-style json file: its numbers as arrays, if they can be those of a face."""

from typing import Any

import numpy as np

from mmfld.structures import FaceLayout

from ...codecs.outside import lies_inside
from ...counts import how_many
from .annotation_file import is_number, shown

LARGEST_COORDINATE = 32767  # pixels; where the size of the image is not known
SMALLEST_FACE = 1.5  # pixels
THINNEST_FACE = 0.01  # pixels
# where landmarks that are not there are often put
PLACEHOLDERS = np.float32([[0, 0], [-1, -1]])

Size = tuple[int, int] | None


def are_far(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, ) bool: whether points (N, 2) lie further from an image of (W, H) ``size`` than it is large."""
    return ((points < -np.array(size)) | (points > 2 * np.array(size))).any(axis=1)


class FaceReader:
    """Reads the fields of annotations.

    All methods take an annotation ``ann`` and, where they need it, the (width, height) of its image, if it is known.
    All results are in pixels of the image, with the offset added.

    Args:
        path (str): The file, for messages.
        layout (FaceLayout): Of the landmarks.
        offset (ndarray): (2, ) float32, added to all points, pixels.

    Raises:
        ValueError: In all methods; it names the file, the annotation, the field, what was found and what was expected.
    """

    def __init__(self, path: str, layout: FaceLayout, offset: np.ndarray) -> None:
        self.path = path
        self.layout = layout
        self.offset = offset

    def check_flags(self, ann: dict) -> None:
        """``attributes`` are a flat dict of 0 and 1, and ``iscrowd``, if it is there, is 0."""
        if ann.get('iscrowd', 0) != 0:
            raise self._error(ann, 'iscrowd', ann['iscrowd'], '0, one annotation per face')
        attributes = ann.get('attributes', {})
        if not isinstance(attributes, dict):
            raise self._error(ann, 'attributes', attributes, 'a flat dict of 0 and 1')
        for name, value in attributes.items():
            if value not in (0, 1):
                raise self._error(ann, f'attributes.{name}', value, '0 or 1')

    def landmarks(self, ann: dict) -> tuple[np.ndarray, np.ndarray]:
        """``keypoints``: (K, 2) float32 (x, y), and (K, ) float32, 0 or 1, whether they are annotated."""
        count = self.layout.num_keypoints
        expected = f'{3 * count} numbers, [x, y, v] * {count} of layout {self.layout.name}'
        found = ann.get('keypoints')
        if not isinstance(found, list):
            raise self._error(ann, 'keypoints', found, expected)
        if len(found) != 3 * count:
            raise self._fault(
                ann, 'keypoints', f'{how_many(len(found), "entry", "entries")} ({len(found) / 3:g} landmarks)', expected
            )
        if not set(map(type, found)) <= {int, float}:
            wrong = next(n for n, value in enumerate(found) if type(value) not in (int, float))
            raise self._fault(
                ann,
                'keypoints',
                f'an entry that is not a number ({shown(found[wrong])} for landmark {wrong // 3})',
                expected,
            )
        try:
            with np.errstate(over='ignore'):
                landmarks = np.array(found, dtype=np.float32).reshape(-1, 3)
        except OverflowError:  # an int that no float holds
            landmarks = np.array([value if is_number(value) else np.inf for value in found], np.float32).reshape(-1, 3)
        points, flags = landmarks[:, :2], landmarks[:, 2]
        wrong = np.flatnonzero(~np.isfinite(points).all(axis=1) | ~np.isin(flags, (0, 1, 2)))
        if len(wrong):
            k = int(wrong[0])
            raise self._fault(
                ann,
                'keypoints',
                f'{shown(found[3 * k : 3 * k + 3])} for landmark {k}',
                'finite x and y, and v of 0 (not annotated), 1 or 2',
            )
        if not flags.any():
            raise self._fault(ann, 'keypoints', 'no annotated landmark (all have v = 0)', 'at least two')
        return points + self.offset, np.minimum(1, flags)

    def landmark_box(self, ann: dict, annotated: np.ndarray, size: Size) -> np.ndarray:
        """(4, ) float32 x1, y1, x2, y2: ``landmark_box``, else the tight box of the annotated landmarks (N, 2)."""
        if 'landmark_box' in ann:
            field = 'landmark_box'
            box = self._numbers(ann, field, '4 finite numbers, [x1, y1, x2, y2]', 4) + np.tile(self.offset, 2)
        else:
            field, box = 'keypoints', np.concatenate([annotated.min(axis=0), annotated.max(axis=0)])
        width, height = box[2:] - box[:2]
        found = f'landmarks within a box of {width:g} x {height:g} pixels'
        if min(width, height) <= 0:
            raise self._fault(ann, field, found, 'a box with an area')
        if max(width, height) < SMALLEST_FACE or min(width, height) < THINNEST_FACE:
            raise self._fault(ann, field, found, 'the size of a face in pixels, not in parts of the image')
        self._check_near(ann, 'keypoints', annotated, size)
        self._check_box(ann, field, box, annotated, size)
        if size and not lies_inside(annotated, size).any():
            raise self._fault(
                ann,
                'keypoints',
                f'all landmarks outside, within {np.round(box, 1).tolist()}',
                f'a face in an image of {size[0]} x {size[1]}',
            )
        return box

    def face_box(self, ann: dict, annotated: np.ndarray, size: Size) -> np.ndarray | None:
        """(4, ) float32 x1, y1, x2, y2: ``face_box``, or the square of ``center`` and ``box_size``; None without."""
        side = None
        if 'box_size' in ann:
            side = ann['box_size']
            if not is_number(side) or side < SMALLEST_FACE:
                raise self._error(ann, 'box_size', side, 'a positive number of pixels, the side of a face')
        if 'face_box' in ann:
            field = 'face_box'
            box = self._numbers(ann, field, '4 finite numbers, [x, y, w, h] with a positive w and h', 4)
            corner, sides = box[:2], box[2:]
            if (sides <= 0).any():
                raise self._error(ann, field, ann[field], 'a positive w and h')
            if (sides < SMALLEST_FACE).any():
                raise self._error(ann, field, ann[field], 'the w and h of a face in pixels, not in parts of the image')
        elif side is not None and 'center' in ann:
            field, sides = 'center', np.float32(side)
            corner = self._numbers(ann, field, '2 finite numbers, [x, y]', 2) - sides / 2
        else:
            return None
        box = np.concatenate([corner, corner + sides]) + np.tile(self.offset, 2)
        self._check_box(ann, field, box, annotated, size)
        return box

    def is_on_placeholder(self, annotated: np.ndarray) -> bool:
        """Whether one of the annotated landmarks (N, 2) lies exactly where missing ones are put."""
        return any((annotated == spot + self.offset).all(axis=1).any() for spot in PLACEHOLDERS)

    def _check_box(self, ann: dict, field: str, box: np.ndarray, annotated: np.ndarray, size: Size) -> None:
        self._check_near(ann, field, box.reshape(2, 2), size)
        if not ((annotated >= box[:2]) & (annotated <= box[2:])).all(axis=1).any():
            raise self._fault(
                ann,
                field,
                f'a box {np.round(box, 1).tolist()} (x1, y1, x2, y2) without any annotated landmark',
                'the box of this face',
            )

    def _check_near(self, ann: dict, field: str, points: np.ndarray, size: Size) -> None:
        """Points (N, 2) lie in the image or beside it, at most by its size."""
        far = np.flatnonzero(are_far(points, size) if size else (np.abs(points) > LARGEST_COORDINATE).any(axis=1))
        if len(far):
            x, y = points[far[0]]
            where = (
                f'an image of {size[0]} x {size[1]}'
                if size
                else (f'any image, of up to {LARGEST_COORDINATE} pixels a side, or the image\'s "width" and "height"')
            )
            raise self._fault(ann, field, f'a point at ({x:g}, {y:g})', f'points in or near {where}')

    def _numbers(self, ann: dict, field: str, expected: str, count: int) -> np.ndarray:
        """A field as (count, ) float32."""
        found = ann[field]
        if not isinstance(found, (list, tuple)) or len(found) != count or not all(map(is_number, found)):
            raise self._error(ann, field, found, expected)
        return np.array(found, np.float32)

    def _error(self, ann: dict, field: str, found: Any, expected: str) -> ValueError:
        return self._fault(ann, field, shown(found), expected)

    def _fault(self, ann: dict, field: str, found: str, expected: str) -> ValueError:
        return ValueError(f'{self.path}: annotation {ann["id"]}, field "{field}": found {found}, expected {expected}')
