"""The data sets of a config, or annotation files, with everything that a training would refuse about them."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import numpy as np
from mmengine import Config
from mmengine.dataset import BaseDataset
from mmpose.registry import DATASETS

from ..structures import FaceLayout, layout_of_counts
from .crops import geometric_steps

PARTS = ('train', 'val', 'test')


@dataclass
class Part:
    """A data set.

    Attributes:
        name (str): ``'train'``, ``'val'``, ``'test'``, ``'val, test'`` or the name of an annotation file.
        config (dict): The data set's, of one annotation file.
        dataset (BaseDataset, optional): Of the faces that a training takes, with the steps of the pipeline that say
            where the crop lies; None if there is none.
        refused (list[str]): Why a training would stop, in the order of the file.
    """

    name: str
    config: dict
    dataset: BaseDataset | None = None
    refused: list[str] = field(default_factory=list)

    @property
    def layout(self) -> FaceLayout | None:
        return getattr(self.dataset, 'layout', None)

    @property
    def ann_file(self) -> Path:
        """Also of a data set that could not be loaded."""
        if self.dataset is not None:
            return Path(self.dataset.ann_file)
        return Path(os.path.join(self.config.get('data_root') or '', self.config.get('ann_file', '')))

    def faces(self) -> Iterator[dict]:
        """The samples before the pipeline, of a video its frames."""
        for index in range(0 if self.dataset is None else len(self.dataset)):
            info = self.dataset.get_data_info(index)
            yield from info['frames'] if 'frames' in info else [info]

    def cropped(self) -> Iterator[dict]:
        """The samples with their crops."""
        for index in range(0 if self.dataset is None else len(self.dataset)):
            item = self.dataset[index]
            yield from item if isinstance(item, list) else [item]

    def points(self) -> tuple[np.ndarray, np.ndarray, list]:
        """Landmarks (F, K, 2) in pixels, (F, K) bool whether they are annotated, and the ids of the faces."""
        faces = list(self.faces())
        if not faces:
            return np.zeros((0, 0, 2)), np.zeros((0, 0), bool), []
        return (
            np.concatenate([face['keypoints'] for face in faces]).astype(float),
            np.concatenate([face['keypoints_visible'] for face in faces]) > 0,
            [face['id'] for face in faces],
        )


def parts_of(cfg: Config) -> list[Part]:
    """The data sets of a config; what validation and test have in common is ``'val, test'``, once."""
    named: list[tuple[str, dict]] = []
    for name in PARTS:
        loader = cfg.get(f'{name}_dataloader')
        for config in leaves(loader.dataset) if loader else ():
            before = next(
                (index for index, (other, known) in enumerate(named) if other != 'train' and _same(known, config)), None
            )
            if before is None:
                named.append((name, config))
            elif name not in named[before][0]:
                named[before] = f'{named[before][0]}, {name}', config
    return [load(name, config) for name, config in named]


def parts_of_files(files: Sequence[str]) -> list[Part]:
    """Annotation files, with images in ``../images`` or beside, in the layout that has as many landmarks."""
    parts = []
    for file in map(Path, files):
        beside = file.parent.parent / 'images'
        config = dict(
            ann_file=str(file.absolute()),
            pipeline=[],
            data_prefix=dict(img=str((beside if beside.is_dir() else file.parent).absolute())),
        )
        try:
            parts.append(load(file.name, dict(config, **_kind_of(file))))
        except ValueError as fault:
            parts.append(Part(file.name, config, refused=[str(fault)]))
    return parts


def leaves(dataset: dict) -> Iterator[dict]:
    """The data sets with an annotation file of their own, within those that put others together."""
    if 'datasets' in dataset:
        for one in dataset['datasets']:
            yield from leaves(one)
    elif isinstance(dataset.get('dataset'), dict):
        yield from leaves(dataset['dataset'])
    else:
        yield dataset


def load(name: str, config: dict) -> Part:
    """Load a data set; what it refuses is listed instead of ending the loading."""
    part = Part(name, config)
    kind = DATASETS.get(config['type'])
    if kind is None:
        part.refused.append(f'type {config["type"]!r} is no data set that there is')
        return part
    arguments = {key: deepcopy(value) for key, value in config.items() if key != 'type'}
    arguments['pipeline'] = geometric_steps(config.get('pipeline', ()))
    try:
        with redirect_stdout(StringIO()):  # of COCO's reader
            part.dataset = type(kind.__name__, (_Listing, kind), dict(refused=part.refused))(**arguments)
    except Exception as fault:  # whatever a broken file makes its readers raise
        known = isinstance(fault, (OSError, ValueError))
        if known and part.refused:  # no face is left, as all were refused
            return part
        part.refused.append(f'{fault}' if known else f'{part.ann_file}: {type(fault).__name__}: {fault}')
    return part


def _same(config: dict, other: dict) -> bool:
    """Whether they have the same faces."""
    first, second = (
        {key: value for key, value in one.items() if key not in ('pipeline', 'test_mode', 'seed')}
        for one in (config, other)
    )
    return first == second


class _Listing:
    """Before a data set of faces: lists what that refuses."""

    refused: list[str]

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        try:
            return super().parse_data_info(raw_data_info)
        except ValueError as fault:
            self.refused.append(str(fault))
            return None


def _kind_of(file: Path) -> dict:
    """The data set for a file, with the layout that has as many landmarks as its first face."""
    try:
        content = json.loads(file.read_text(encoding='utf-8'))
    except OSError as fault:
        raise ValueError(f'{file}: cannot be read ({fault.strerror})') from fault
    except ValueError as fault:
        raise ValueError(f'{file}: found no COCO-style json ({fault})') from fault
    if not isinstance(content, dict):
        raise ValueError(
            f'{file}: found a {type(content).__name__}, expected an object with the fields "images" and "annotations"'
        )
    try:
        count = len(content['annotations'][0]['keypoints']) / 3
        of_videos = {'video', 'frame'} <= set(content['images'][0])
    except (LookupError, TypeError) as fault:
        raise ValueError(
            f'{file}: found no keypoints of a face in "annotations", or no "images" ({type(fault).__name__}: {fault})'
        ) from fault
    try:
        layout = layout_of_counts(count).name
    except ValueError as fault:
        raise ValueError(f'{file}: first face: {fault}') from fault
    if of_videos:
        return dict(type='FaceVideoDataset', clip_length=1, test_mode=True, layout=layout)
    return dict(type='FaceLandmarkDataset', layout=layout)
