"""Annotated faces in MMPose's COCO-style json, whichever layout they are annotated in.

The files that MMPose publishes for WFLW, 300W, COFW, AFLW and 300VW are read unchanged. Two things differ from
MMPose's own face datasets: the box of a face is the tight box of its landmarks, so that one crop rule gives the same
crop on every data set, and a face that cannot be used is an error instead of being left out.
"""
import copy
import json
import logging
from collections import Counter
from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from mmengine.dataset import force_full_init
from mmengine.fileio import exists
from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from mmfld.structures import FaceLayout, get_layout

from ..random_state import random_state

LARGEST_IMAGE = 32767  # pixels a side, as far as OpenCV goes
SMALLEST_FACE = 1.5  # pixels


@DATASETS.register_module()
class FaceLandmarkDataset(BaseCocoStyleDataset):
    """Faces with landmarks and, optionally, 0/1 attributes.

    An annotation needs ``keypoints``, [x, y, v] * K in pixels with v = 0 for a landmark that is not annotated. It may
    have ``attributes``, a flat dict such as ``{"large_pose": 1, "blur": 0}``, by which the metric forms subsets, and
    ``landmark_box``, [x1, y1, x2, y2] in pixels: the box that all landmarks would have, for a face of which only a few
    are annotated. Other fields (MMPose's ``bbox``, ``center``, ``scale``) are not needed; all of them stay available to
    the metric as ``raw_ann_info``, e.g. AFLW's ``box_size``.

    A sample holds, for its one face:

    * ``keypoints`` (1, K, 2) float32, (x, y) in pixels of the image, and ``keypoints_visible`` (1, K) float32, 0 or 1;
    * ``bbox`` (1, 4) float32, x1, y1, x2, y2: ``landmark_box`` if the annotation has it, else the tight box of the
      annotated landmarks; not clipped to the image. With ``bbox_file`` the detected boxes are used as they are, with
      the base class's placeholder landmarks: that is for predicting, not for measuring an error;
    * ``face_box`` (1, 4) float32, x1, y1, x2, y2, if the annotation has the box of the face: ``face_box``, [x, y, w,
      h], as the converters of AFLW and COFW write it, or MMPose's ``center`` and ``box_size`` of AFLW, a square;
    * ``image_size``, (width, height) of the image in pixels, if the annotation file says it;
    * ``img_path``, ``img_id``, ``id``, ``category_id``, ``num_keypoints``, ``iscrowd`` and ``raw_ann_info``.

    Args:
        layout (str | FaceLayout): The annotation scheme, which gives the meta information.
        seed (int, optional): Makes augmentation reproducible: outside test mode, ``random`` and ``numpy.random`` are
            seeded from (seed, epoch, index) before a sample goes through the pipeline. What a sample looks like then
            depends neither on the number of workers and processes nor on whether training was resumed. Needs
            :class:`~mmfld.engine.hooks.EpochSeedHook`, which tells the epoch, and training by epochs. A wrapper that
            repeats a sample within an epoch repeats its augmentation as well.
        keypoint_offset (Sequence[float]): (x, y) in pixels, added to landmarks, ``landmark_box`` and ``face_box``: for
            files whose points and images are out of register (``tools/analysis_tools/measure_registration.py``).
            Defaults to (0, 0).
        **kwargs: Of :class:`mmpose.datasets.datasets.base.BaseCocoStyleDataset`, but for ``metainfo``.

    Raises:
        FileNotFoundError: If ``ann_file`` or ``bbox_file`` does not exist.
        ValueError: If the annotation file or one of its faces cannot be used; it names the file, the annotation, the
            field, what was found and what was expected.
    """

    def __init__(self,
                 layout: Union[str, FaceLayout] = '300w68',
                 *,
                 seed: Optional[int] = None,
                 keypoint_offset: Sequence[float] = (0., 0.),
                 **kwargs) -> None:
        self.layout = get_layout(layout)
        self.seed = seed
        self.keypoint_offset = np.array(keypoint_offset, dtype=np.float32)
        if self.keypoint_offset.shape != (2, ) or not np.isfinite(self.keypoint_offset).all():
            raise ValueError(f'keypoint_offset must be two finite numbers, (x, y) in pixels, got {keypoint_offset!r}')
        self._epoch = _SharedInt(0)
        super().__init__(metainfo=self.layout.metainfo, **kwargs)

    def set_epoch(self, epoch: int) -> None:
        """Tell the epoch that seeds the augmentation, to this process and to running workers."""
        self._epoch.set(epoch)

    @force_full_init
    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline on the sample ``idx``, with its own random numbers if there is a ``seed``."""
        if self.seed is None or self.test_mode:
            return super().prepare_data(idx)
        with random_state((self.seed, self._epoch.get(), idx % len(self))):
            return super().prepare_data(idx)

    def load_data_list(self) -> List[dict]:
        """Load all faces of the annotation file, or the boxes of ``bbox_file``."""
        for path in filter(None, (self.ann_file, self.bbox_file)):
            if not exists(path):
                raise FileNotFoundError(f'{type(self).__name__} (layout {self.layout.name}): {path} does not exist')
        self._on_placeholders: List[Any] = []
        faces = super().load_data_list()
        if self.doubts():
            print_log(self.doubts(), logger='current', level=logging.WARNING)
        return faces

    def doubts(self) -> str:
        """What of the loaded faces is likely not meant; empty if nothing is."""
        if not self._on_placeholders:
            return ''
        shown = ', '.join(map(str, self._on_placeholders[:10]))
        more = ', ...' if len(self._on_placeholders) > 10 else ''
        return (f'{self.ann_file}: {len(self._on_placeholders)} faces have a landmark at exactly (0, 0) or '
                f'(-1, -1) with v > 0, where landmarks that are not there are often put: annotations {shown}{more}; '
                'v = 0 leaves them out')

    def refuse(self, error: ValueError) -> None:
        """End the loading for a fault of the file. :mod:`mmfld.doctor` lists it instead, and goes on."""
        raise error

    def _load_annotations(self) -> Tuple[List[dict], List[dict]]:
        try:
            instances, images = super()._load_annotations()
        except json.JSONDecodeError as error:
            raise ValueError(f'{self.ann_file}: found no valid json ({error}), expected a COCO-style file') from error
        except KeyError as error:
            raise ValueError(f'{self.ann_file}: an image or annotation lacks the field {error}') from error
        # COCO's reader indexes by id: repeated ids and faces without an image would be lost without a word
        for field in ('images', 'annotations'):
            counts = Counter(entry['id'] for entry in self.coco.dataset.get(field, ()))
            for id_, count in counts.items():
                if count > 1:
                    self.refuse(ValueError(f'{self.ann_file}: field "{field}": found id {id_} {count} times, expected '
                                           'unique ids'))
        for ann in self.coco.dataset.get('annotations', ()):
            if ann['image_id'] not in self.coco.imgs:
                self.refuse(self._error(ann, 'image_id', ann['image_id'], 'the id of one of the images'))
        if not instances:
            raise ValueError(f'{self.ann_file}: field "annotations": found no face (sample_interval '
                             f'{self.sample_interval}), expected at least one')
        return instances, images

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Check one annotation and turn it into a sample.

        Args:
            raw_data_info (dict): ``raw_ann_info``, the annotation, and ``raw_img_info``, its image with ``img_path``.

        Returns:
            dict: See the class.
        """
        ann = raw_data_info['raw_ann_info']
        self._check_attributes(ann)
        if ann.get('iscrowd', 0):
            raise self._error(ann, 'iscrowd', ann['iscrowd'], '0, one annotation per face')

        landmarks = self._read_landmarks(ann)
        keypoints = landmarks[None, :, :2]
        visible = np.minimum(1, landmarks[None, :, 2])
        annotated = keypoints[visible > 0]
        if not len(annotated):
            raise self._error(ann, 'keypoints', 'no annotated landmark (all have v = 0)', 'at least two')
        if 'landmark_box' in ann:
            field, bbox = 'landmark_box', self._read_box(ann)
        else:
            field, bbox = 'keypoints', np.concatenate([annotated.min(axis=0), annotated.max(axis=0)])
        size = _image_size(raw_data_info['raw_img_info'])
        self._check_place(ann, field, annotated, bbox, size)

        return {
            **self._read_face_box(ann),
            **({} if size is None else dict(image_size=size)),
            'img_id': ann['image_id'],
            'img_path': raw_data_info['raw_img_info']['img_path'],
            'bbox': bbox[None],
            'bbox_score': np.ones(1, dtype=np.float32),
            'num_keypoints': len(annotated),
            'keypoints': keypoints,
            'keypoints_visible': visible,
            'iscrowd': 0,
            'id': ann['id'],
            'category_id': np.array(ann['category_id']),
            'raw_ann_info': copy.deepcopy(ann),
        }

    @staticmethod
    def _is_valid_instance(data_info: dict) -> bool:
        """Keep everything: what cannot be used has stopped :meth:`parse_data_info`, where the base class drops it."""
        return True

    def _read_landmarks(self, ann: dict) -> np.ndarray:
        """``keypoints`` of an annotation as (K, 3) float32."""
        num_keypoints = self.layout.num_keypoints
        expected = f'{3 * num_keypoints} numbers, [x, y, v] * {num_keypoints} of layout {self.layout.name}'
        found = ann.get('keypoints')
        if not isinstance(found, list):
            raise self._error(ann, 'keypoints', repr(found), expected)
        if len(found) != 3 * num_keypoints:
            raise self._error(ann, 'keypoints', f'{len(found)} entries ({len(found) / 3:g} landmarks)', expected)
        try:
            landmarks = np.array(found, dtype=np.float32).reshape(-1, 3)
        except (TypeError, ValueError) as error:
            raise self._error(ann, 'keypoints', f'an entry that is not a number ({error})', expected) from error
        wrong = np.flatnonzero(~np.isfinite(landmarks).all(axis=1) | (landmarks[:, 2] < 0))
        if len(wrong):
            raise self._error(ann, 'keypoints', f'{landmarks[wrong[0]].tolist()} for landmark {wrong[0]}',
                              'finite x and y, and v >= 0')
        landmarks[:, :2] += self.keypoint_offset
        return landmarks

    def _check_place(self, ann: dict, field: str, annotated: np.ndarray, bbox: np.ndarray,
                     size: Optional[Tuple[int, int]]) -> None:
        """Landmarks (N, 2) and their box that cannot be those of a face in an image are errors; a landmark on a spot
        where missing ones are put is noted."""
        width, height = bbox[2:] - bbox[:2]
        if width <= 0 or height <= 0:
            raise self._error(ann, field, f'landmarks within a box of {width:g} x {height:g} pixels',
                              'a box with an area')
        if max(width, height) < SMALLEST_FACE:
            raise self._error(ann, field, f'landmarks within a box of {width:g} x {height:g}',
                              'pixels, not parts of the image')
        points = np.concatenate([annotated, bbox.reshape(2, 2)])
        # without the size of the image, what no image has
        low, high = (-np.array(size), 2 * np.array(size)) if size else (-LARGEST_IMAGE, LARGEST_IMAGE)
        far = np.flatnonzero(((points < low) | (points > high)).any(axis=1))
        if len(far):
            x, y = points[far[0]]
            where = f'an image of {size[0]} x {size[1]}' if size else f'any image, of up to {LARGEST_IMAGE} pixels a side'
            raise self._error(ann, field, f'a point at ({x:g}, {y:g})', f'points in or near {where}')
        if size and ((annotated < -0.5) | (annotated > np.array(size) - 0.5)).any(axis=1).all():
            raise self._error(ann, field, f'all landmarks outside, within {np.round(bbox, 1).tolist()}',
                              f'a face in an image of {size[0]} x {size[1]}')
        offset = self.keypoint_offset
        if any((annotated == spot + offset).all(axis=1).any() for spot in np.float32([[0, 0], [-1, -1]])):
            self._on_placeholders.append(ann['id'])

    def _read_box(self, ann: dict) -> np.ndarray:
        """``landmark_box`` of an annotation as (4, ) float32."""
        return self._read_numbers(ann, 'landmark_box', '4 finite numbers, [x1, y1, x2, y2]', 4) + np.tile(
            self.keypoint_offset, 2)

    def _read_face_box(self, ann: dict) -> dict:
        """``face_box`` of a sample, (1, 4) float32; nothing if the annotation has no box of the face."""
        if 'face_box' in ann:
            box = self._read_numbers(ann, 'face_box', '4 finite numbers, [x, y, w, h] with a positive w and h', 4)
            corner, size = box[:2], box[2:]
            if (size <= 0).any():
                raise self._error(ann, 'face_box', ann['face_box'], 'a positive w and h')
        elif 'box_size' in ann and 'center' in ann:
            size = ann['box_size']
            if not isinstance(size, (int, float)) or not 0 < size < np.inf:
                raise self._error(ann, 'box_size', repr(size), 'a positive number of pixels')
            corner = self._read_numbers(ann, 'center', '2 finite numbers, [x, y]', 2) - np.float32(size / 2)
        else:
            return {}
        corner = corner + self.keypoint_offset
        return dict(face_box=np.concatenate([corner, corner + np.float32(size)])[None])

    def _read_numbers(self, ann: dict, field: str, expected: str, count: int) -> np.ndarray:
        """A field of an annotation as (count, ) float32."""
        found = ann[field]
        try:
            numbers = np.array(found, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise self._error(ann, field, repr(found), expected) from error
        if numbers.shape != (count, ) or not np.isfinite(numbers).all():
            raise self._error(ann, field, repr(found), expected)
        return numbers

    def _check_attributes(self, ann: dict) -> None:
        attributes = ann.get('attributes', {})
        if not isinstance(attributes, dict):
            raise self._error(ann, 'attributes', repr(attributes), 'a flat dict of 0 and 1')
        for name, value in attributes.items():
            if value not in (0, 1):
                raise self._error(ann, f'attributes.{name}', repr(value), '0 or 1')

    def _error(self, ann: dict, field: str, found, expected: str) -> ValueError:
        return ValueError(f'{self.ann_file}: annotation {ann["id"]}, field "{field}": found {found}, '
                          f'expected {expected}')


def _image_size(image: dict) -> Optional[Tuple[int, int]]:
    """(width, height) of an image entry that has both."""
    size = image.get('width'), image.get('height')
    return size if all(type(side) is int and side > 0 for side in size) else None


class _SharedInt:
    """An int in shared memory, so that workers which outlive an epoch see it change.

    Worker processes get the same memory, whether forked or spawned; a deep copy (a subset of a dataset) gets its own.
    """

    def __init__(self, value: int) -> None:
        self._tensor = torch.tensor(value, dtype=torch.int64).share_memory_()

    def get(self) -> int:
        return int(self._tensor)

    def set(self, value: int) -> None:
        self._tensor.fill_(value)

    def __deepcopy__(self, memo: dict) -> '_SharedInt':
        return _SharedInt(self.get())
