"""What the crops of a config cut off, from annotations alone."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from copy import deepcopy
from io import StringIO
from typing import NamedTuple

import numpy as np
from mmengine import Config
from mmpose.registry import DATASETS, METRICS
from tqdm import tqdm

from mmfld.codecs.outside import clamp, lies_inside
from mmfld.datasets.transforms import crop_matrix

GEOMETRY = ('GetFaceCrop', 'RandomFaceSimilarity', 'ConvertKeypoints')  # what a crop depends on, without an image
WORST = 8
COLUMNS = ('faces', 'landmarks outside, %', 'faces cut, %', 'NME floor, %', 'cell, %')


class Crop(NamedTuple):
    """One face and its crop.

    Attributes:
        sample (dict): As the pipeline has left it.
        clamped (ndarray): (K, 2) landmarks clamped to the crop, in pixels of the image.
        outside (ndarray): (K, ) bool, the annotated landmarks that lie outside.
        corners (ndarray): (4, 2) of the crop, in pixels of the image.
    """

    sample: dict
    clamped: np.ndarray
    outside: np.ndarray
    corners: np.ndarray


def geometric_steps(pipeline: Sequence[dict]) -> list[dict]:
    """The steps that say where the crop lies, also those within others (of Siamese views, or frames of a clip)."""
    steps = []
    for step in pipeline:
        if step['type'] in GEOMETRY:
            steps.append(step)
        for inner in ('augmentation', 'transforms'):
            steps += geometric_steps(step.get(inner, ()))
    return steps


def faces_of(dataset: dict) -> Iterator[dict]:
    """The samples of a data set's config, after the steps of its pipeline that say where the crop lies."""
    if 'datasets' in dataset:
        for one in dataset['datasets']:
            yield from faces_of(one)
        return
    dataset = deepcopy(dataset)
    dataset['pipeline'] = geometric_steps(dataset['pipeline'])
    with redirect_stdout(StringIO()):  # of COCO's reader
        dataset = DATASETS.build(dataset)
    for index in tqdm(range(len(dataset)), desc='reading', unit='face', leave=False):
        item = dataset[index]
        yield from item if isinstance(item, list) else [item]


def crop_of(sample: dict, size: Sequence[int]) -> Crop:
    """What the crop of a sample cuts off.

    Args:
        sample (dict): ``keypoints`` (1, K, 2), ``keypoints_visible`` (1, K), ``bbox_center`` (1, 2), ``bbox_scale``
            (1, 2) and, optionally, ``bbox_rotation`` (1, ).
        size (tuple): (W, H) of the network input.
    """
    rotation = sample['bbox_rotation'][0] if 'bbox_rotation' in sample else 0.0
    matrix = crop_matrix(sample['bbox_center'][0], sample['bbox_scale'][0], rotation, size)
    inverse = np.linalg.inv(matrix[:, :2])
    points = sample['keypoints'][0, :, :2].astype(np.float64)
    cropped = points @ matrix[:, :2].T + matrix[:, 2]

    def to_image(pixels: np.ndarray) -> np.ndarray:
        return (pixels - matrix[:, 2]) @ inverse.T

    # some rules put the outermost landmarks exactly on the border, where rounding decides
    inside = lies_inside((cropped - np.array(size) / 2) * (1 - 1e-6) + np.array(size) / 2, size)
    clamped = np.where(inside[:, None], points, to_image(clamp(cropped, size)))
    border = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * np.array(size) - 0.5
    return Crop(sample, clamped, ~inside & (sample['keypoints_visible'][0] > 0), to_image(border))


def cell_pixels(cfg: Config) -> float:
    """Width of what landmarks are read from, a cell or a bin, in pixels of the network input."""
    cells = cfg.codec['heatmap_size'][0] if 'heatmap_size' in cfg.codec else cfg.codec['length']
    return cfg.codec['input_size'][0] / cells


def nmes(cfg: Config, crops: Sequence[Crop], found: Sequence[np.ndarray]) -> np.ndarray:
    """(F, ) NME of landmarks (K, 2) in pixels of the image, in percent, by the first metric of the config's test.

    NaN of a face without the landmarks that the metric divides by.
    """
    evaluator = cfg.test_evaluator if isinstance(cfg.test_evaluator, dict) else cfg.test_evaluator[0]
    metric = METRICS.build(dict(evaluator, out_dir=None, clamped=False, without_norm='leave_out'))
    samples = []
    for crop, points in zip(crops, found):
        truth = dict(keypoints=crop.sample['keypoints'], keypoints_visible=crop.sample['keypoints_visible'])
        samples.append(dict(crop.sample, gt_instances=truth, pred_instances=dict(keypoints=points[None])))
    metric.process([], samples)
    key = metric.measures[0].key('NME')
    return 100 * np.array([result['errors'][key] for result in metric.results], np.float64)


def measure(cfg: Config, faces: Iterable[dict]) -> dict[str, float]:
    """What the crops of faces of :func:`faces_of` cut off.

    Returns:
        dict: The numbers of :data:`COLUMNS`; ``worst``, a list of :class:`Crop`; and ``without_nme``, the number of
        faces that the metric cannot measure and that count in the other columns only.
    """
    crops = [crop_of(sample, cfg.codec['input_size']) for sample in faces]
    counted = np.array([(crop.sample['keypoints_visible'][0] > 0).sum() for crop in crops])
    outside = np.array([crop.outside.sum() for crop in crops])
    lost = [
        np.linalg.norm(crop.clamped - crop.sample['keypoints'][0], axis=1)[crop.outside].sum()
        / crop.sample['bbox_scale'][0, 0]
        for crop in crops
    ]
    side = cell_pixels(cfg) / cfg.codec['input_size'][0]
    moved = [crop.sample['keypoints'][0] + [side * crop.sample['bbox_scale'][0, 0], 0] for crop in crops]
    floors = nmes(cfg, crops, [crop.clamped for crop in crops])
    measured = np.isfinite(floors)
    floor, cell = (
        (errors[measured].mean() if measured.any() else np.nan) for errors in (floors, nmes(cfg, crops, moved))
    )
    values = (len(crops), 100 * outside.sum() / counted.sum(), 100 * (outside > 0).mean(), floor, cell)
    worst = [crops[index] for index in np.argsort(lost)[::-1][:WORST] if lost[index] > 0]
    return dict(zip(COLUMNS, values), worst=worst, without_nme=int((~measured).sum()))
