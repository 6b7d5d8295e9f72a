"""Annotated faces in MMPose's COCO-style json, whichever layout they are annotated in.

The files that MMPose publishes for WFLW, 300W, COFW, AFLW and 300VW are read unchanged. Two things differ from
MMPose's own face datasets: the box of a face is the tight box of its landmarks, so that one crop rule gives the same
crop on every data set, and a face that cannot be used is an error instead of being left out.
"""

import copy
import logging
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset, force_full_init
from mmengine.fileio import exists
from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from mmfld.structures import FaceLayout, get_layout

from ..random_state import random_state
from .annotation_file import read_annotation_file, read_box_file
from .face_annotation import FaceReader


@DATASETS.register_module()
class FaceLandmarkDataset(BaseCocoStyleDataset):
    """Faces with landmarks and, optionally, 0/1 attributes; ``docs/howto/add_a_data_set.md`` has the fields of the
    file.

    A sample has the keys of MMPose's data sets for one face, in pixels of the image:

    * ``keypoints`` (1, K, 2) float32 and ``keypoints_visible`` (1, K) float32, 0 or 1;
    * ``bbox`` (1, 4) float32, x1, y1, x2, y2: ``landmark_box`` if the annotation has it, else the tight box of the
      annotated landmarks, not clipped. With ``bbox_file`` detected boxes, for predicting and not for measuring an
      error;
    * ``face_box`` (1, 4) float32, likewise, if the annotation has the box of the face;
    * ``image_size`` (width, height), if the file says it; ``raw_ann_info``, all of the annotation.

    What of the loaded faces is likely not meant is logged, and kept in ``doubts``, a list of sentences.

    Args:
        layout (str | FaceLayout): The annotation scheme, which gives the meta information.
        seed (int, optional): Outside test mode, ``random`` and ``numpy.random`` are seeded from (seed, epoch, index)
            before a sample goes through the pipeline. Needs :class:`~mmfld.engine.hooks.EpochSeedHook`.
        keypoint_offset (Sequence[float]): (x, y) added to landmarks and boxes of files that are out of register.
        **kwargs: Of :class:`mmpose.datasets.datasets.base.BaseCocoStyleDataset`, but for ``metainfo``.

    Raises:
        FileNotFoundError: If ``ann_file`` or ``bbox_file`` does not exist.
        ValueError: If the file or a face cannot be used; it names file, annotation, field, what was found and expected.
    """

    def __init__(
        self,
        layout: str | FaceLayout = '300w68',
        *,
        seed: int | None = None,
        keypoint_offset: Sequence[float] = (0.0, 0.0),
        **kwargs,
    ) -> None:
        self.layout = get_layout(layout)
        self.seed = seed
        self.keypoint_offset = np.array(keypoint_offset, dtype=np.float32)
        if self.keypoint_offset.shape != (2,) or not np.isfinite(self.keypoint_offset).all():
            raise ValueError(f'keypoint_offset must be two finite numbers, (x, y) in pixels, got {keypoint_offset!r}')
        indices = kwargs.get('indices')
        if indices is not None and not (indices if isinstance(indices, int) else len(indices)):
            raise ValueError(f'indices is {indices!r}, which leaves no face, expected some of them, or None for all')
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

    @force_full_init
    def faces(self) -> Iterator[dict]:
        """The samples as they are before the pipeline, without the meta information of the layout."""
        for index in range(len(self)):
            yield BaseDataset.get_data_info(self, index)

    def load_data_list(self) -> list[dict]:
        """Load all faces of the annotation file, or the boxes of ``bbox_file``."""
        for path in filter(None, (self.ann_file, self.bbox_file)):
            if not exists(path):
                raise FileNotFoundError(f'{type(self).__name__} (layout {self.layout.name}): {path} does not exist')
        self._on_placeholders: list[Any] = []
        self.doubts: list[str] = []
        faces = super().load_data_list()
        self._doubt(
            self._on_placeholders,
            'faces have a landmark at exactly (0, 0) or (-1, -1) with v > 0, where '
            'landmarks that are not there are often put: annotations',
            '; v = 0 leaves them out',
        )
        for doubt in self.doubts:
            print_log(doubt, logger='current', level=logging.WARNING)
        return faces

    def _load_annotations(self) -> tuple[list[dict], list[dict]]:
        content = self._read_file()
        faces_of = defaultdict(list)
        for ann in content['annotations']:
            faces_of[ann['image_id']].append(ann)
        images = [image for image in content['images'] if image['id'] % self.sample_interval == 0]
        instances = [
            info
            for image in images
            for ann in faces_of[image['id']]
            if (info := self.parse_data_info(dict(raw_ann_info=ann, raw_img_info=image))) is not None
        ]
        if not instances:
            raise ValueError(
                f'{self.ann_file}: field "annotations": found no face (sample_interval '
                f'{self.sample_interval}), expected at least one'
            )
        return instances, images

    def _load_detection_results(self) -> list[dict]:
        """A sample of each box of ``bbox_file`` that is of category 1, as of the base class."""
        images = {image['id']: image for image in self._read_file()['images']}
        boxes = [box for box in read_box_file(self.bbox_file, list(images)) if box['category_id'] == 1]
        count = self.layout.num_keypoints
        samples = []
        for id_, found in enumerate(boxes):
            image = images[found['image_id']]
            x, y, width, height = found['bbox'][:4]
            samples.append(
                dict(
                    img_id=found['image_id'],
                    img_path=image['img_path'],
                    bbox=np.array([[x, y, x + width, y + height]], np.float32),
                    bbox_score=np.array([found['score']], np.float32),
                    keypoints=np.zeros((1, count, 2), np.float32),
                    keypoints_visible=np.ones((1, count), np.float32),
                    id=id_,
                )
            )
        return samples

    def _read_file(self) -> dict:
        """The annotation file, with ``img_id`` and ``img_path`` of each image."""
        content = read_annotation_file(self.ann_file)
        self._metainfo['CLASSES'] = content['categories']
        root = self.data_prefix['img']
        elsewhere = []
        for image in content['images']:
            name = image['file_name']
            image.update(img_id=image['id'], img_path=os.path.join(root, name))
            if root and (os.path.isabs(name) or os.path.normpath(name).startswith(os.pardir)):
                elsewhere.append(name)
        self._doubt(elsewhere, f'images lie outside the folder {root}:')
        return content

    def _doubt(self, cases: list[Any], what: str, way_out: str = '') -> None:
        if cases:
            some = ', '.join(map(str, cases[:10])) + (', ...' if len(cases) > 10 else '')
            self.doubts.append(f'{self.ann_file}: {len(cases)} {what} {some}{way_out}')

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Check one annotation and turn it into a sample.

        Args:
            raw_data_info (dict): ``raw_ann_info``, the annotation, and ``raw_img_info``, its image with ``img_path``.

        Returns:
            dict: See the class.
        """
        ann, image = raw_data_info['raw_ann_info'], raw_data_info['raw_img_info']
        reader = FaceReader(self.ann_file, self.layout, self.keypoint_offset)
        reader.check_flags(ann)
        keypoints, visible = reader.landmarks(ann)
        annotated = keypoints[visible > 0]
        size = (image['width'], image['height']) if 'width' in image and 'height' in image else None
        box = reader.landmark_box(ann, annotated, size)
        face_box = reader.face_box(ann, annotated, size)
        if reader.is_on_placeholder(annotated):
            self._on_placeholders.append(ann['id'])
        try:
            raw = copy.deepcopy(ann)
        except RecursionError as error:
            raise ValueError(
                f'{self.ann_file}: annotation {ann["id"]}: found fields nested too deep to be read, expected flat ones'
            ) from error

        return {
            **({} if face_box is None else dict(face_box=face_box[None])),
            **({} if size is None else dict(image_size=size)),
            'img_id': ann['image_id'],
            'img_path': image['img_path'],
            'bbox': box[None],
            'bbox_score': np.ones(1, dtype=np.float32),
            'num_keypoints': len(annotated),
            'keypoints': keypoints[None],
            'keypoints_visible': visible[None],
            'iscrowd': 0,
            'id': ann['id'],
            'category_id': np.array(ann['category_id']),
            'raw_ann_info': raw,
        }

    @staticmethod
    def _is_valid_instance(data_info: dict) -> bool:
        """Keep everything: what cannot be used has stopped :meth:`parse_data_info`, where the base class drops it."""
        return True


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
