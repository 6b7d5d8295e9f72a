"""NME, failure rate and AUC of face alignment as an MMEngine metric."""

import csv
import logging
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmpose.registry import METRICS
from mmpose.utils.tensor_utils import to_numpy

from mmfld.structures import FaceLayout, get_conversion, get_layout

from ..counts import how_many
from .ced_curve import draw_ced
from .functional import auc, box_diagonal, box_size, failure_rate, inter_ocular, inter_pupil, nme_per_image

SHOWN = 5  # faces in a message
WITHOUT_NORM = ('error', 'leave_out')
NORMS = ('inter_ocular', 'inter_pupil', 'box', 'box_side', 'diagonal')


def norms_of(norm: str | Sequence[str]) -> tuple[str, ...]:
    """The names in a metric's ``norm``, the main one first."""
    return (norm,) if isinstance(norm, str) else tuple(norm)


class Measure(NamedTuple):
    """One of the ways in which a metric measures the error of an image.

    Attributes:
        prefix (str): Before its metrics' names: empty for the main norm.
        norm (str): What d is.
        clamped (bool): Whether it is measured against landmarks that are clamped to the crop.
    """

    prefix: str
    norm: str
    clamped: bool

    def key(self, name: str) -> str:
        """``inter_pupil/NME_clamped`` of ``NME``."""
        return f'{self.prefix}{name}{"_clamped" if self.clamped else ""}'


@METRICS.register_module()
class FaceAlignmentMetric(BaseMetric):
    """Normalised mean error, failure rate and area under the CED curve.

    The error of an image is the mean over its annotated landmarks (``keypoints_visible`` > 0) of ||pred - gt|| / d, in
    original image pixels. ``docs/concepts/crops_and_metrics.md`` has the norms, what papers publish, and the names of
    the metrics: ``NME`` and ``FR`` (percent), ``AUC`` (in [0, 1]), for subsets, areas and other norms as well.

    >>> own = dict(name='eyes', num_keypoints=2, eye_corners=[0, 1])
    >>> metric = FaceAlignmentMetric(own, per_area=False)
    >>> truth = dict(keypoints=np.array([[[20.0, 40.0], [80.0, 40.0]]]), keypoints_visible=np.ones((1, 2)))
    >>> found = dict(keypoints=truth['keypoints'] + (3.0, 0.0))
    >>> metric.process([], [dict(id=0, img_path='a.jpg', pred_instances=found, gt_instances=truth)])
    >>> {name: round(value, 3) for name, value in metric.evaluate(1).items()}
    {'NME': 5.0, 'FR': 0.0, 'AUC': 0.5}

    Args:
        layout (str | FaceLayout): Of predictions and annotations.
        norm (str | Sequence[str]): Of :data:`NORMS`, what d is; of several the first is the main one.
        threshold (float): Of FR and AUC, as a fraction. Defaults to 0.1.
        legacy (bool): FR and AUC on the grid of the STAR reference code, see :mod:`mmfld.evaluation.functional`.
        out_dir (str, optional): Where each evaluation writes ``per_image_errors.csv`` and ``ced.png``.
        per_area (bool): Whether to report facial areas. Defaults to True.
        error_layout (str | FaceLayout, optional): Errors are measured in it; d remains that of ``layout``.
        without_norm (str): A face whose d is zero or not known is an ``'error'``, or left out (``'leave_out'``) and
            counted in the log. Defaults to ``'error'``.
        clamped (bool): Also report errors against landmarks clamped to the crop. Exact for FaceAffine, and for MMPose's
            TopdownAffine without UDP. Defaults to False.
        collect_device, prefix: As of MMEngine's metrics.

    Raises:
        KeyError: If a layout is unknown or cannot be converted to the ``error_layout``.
        ValueError: If a norm is unknown, given twice or not in the layout. While evaluating, with the path of the
            image, if a prediction is not finite, landmarks are not those of the layout, or d or the crop is not known.
    """

    def __init__(
        self,
        layout: str | FaceLayout,
        norm: str | Sequence[str] = 'inter_ocular',
        threshold: float = 0.1,
        legacy: bool = False,
        out_dir: str | None = None,
        per_area: bool = True,
        error_layout: str | FaceLayout | None = None,
        without_norm: str = 'error',
        clamped: bool = False,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        norms = norms_of(norm)
        if not norms or len(set(norms)) < len(norms) or not set(norms) <= set(NORMS):
            raise ValueError(f'found norm {norm!r}, expected one or several different ones of {NORMS}')
        if not threshold > 0:
            raise ValueError(f'threshold must be positive, found {threshold}')
        if without_norm not in WITHOUT_NORM:
            raise ValueError(f'found without_norm {without_norm!r}, expected one of {WITHOUT_NORM}')
        self.without_norm = without_norm
        self.layout = get_layout(layout)
        for one, needed, found in (
            ('inter_pupil', 'pupils', self.layout.pupils),
            ('inter_ocular', 'eye corners', self.layout.eye_corners),
        ):
            if one in norms and found is None:
                raise ValueError(
                    f'norm {one!r} needs {needed}, but layout {self.layout.name!r} annotates none: box, '
                    'for example, needs no eyes'
                )
        self.conversion = get_conversion(self.layout, self.layout if error_layout is None else error_layout)
        self.measures = [
            Measure('' if one == norms[0] else f'{one}/', one, of_clamped)
            for one in norms
            for of_clamped in ((False, True) if clamped else (False,))
        ]
        self.threshold = threshold
        self.legacy = legacy
        self.out_dir = None if out_dir is None else Path(out_dir)
        self.per_area = per_area

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """Add one result per sample: ``id``, ``img_path``, ``errors`` (fractions by metric) and ``attributes``.

        Args:
            data_batch (Sequence[dict]): Not used.
            data_samples (Sequence[dict]): B samples as dicts, with the fields of :class:`PoseDataSample`.
        """
        # here and not in compute_metrics, so that a broken sample is reported at once and ranks exchange little
        pred = np.stack([self._keypoints(sample, 'pred_instances') for sample in data_samples])
        gt = np.stack([self._keypoints(sample, 'gt_instances') for sample in data_samples])
        visible = np.stack([self._visible(sample) for sample in data_samples])
        self._check_finite('predicted', pred, np.ones_like(visible), data_samples)
        self._check_finite('annotated', gt, visible, data_samples)
        counted = self.conversion.scores(visible)
        for sample, flags in zip(data_samples, counted):
            if not flags.any() and self.without_norm == 'error':
                raise ValueError(f'{sample["img_path"]}: none of the {how_many(len(flags), "landmark")} is annotated')
        truths = {False: gt}
        if any(measure.clamped for measure in self.measures):
            truths[True] = np.stack([np.clip(one, *_crop_borders(sample)) for one, sample in zip(gt, data_samples)])
        normalizers = {
            measure: self._normalizers(measure, truths[measure.clamped], visible, data_samples)
            for measure in self.measures
        }
        truths = {clamped: self.conversion.keypoints(truth) for clamped, truth in truths.items()}
        self.results += self._results(data_samples, self.conversion.keypoints(pred), truths, counted, normalizers)

    def check_faces(self, faces: Iterable[dict], where: str) -> None:
        """Look before a run for faces that cannot be measured by one of the norms, see ``without_norm``.

        Args:
            faces (Iterable[dict]): ``id``, ``img_path``, ``keypoints`` (1, K, 2), ``keypoints_visible`` (1, K) and
                ``raw_ann_info`` of each, as in :class:`FaceLandmarkDataset`.
            where (str): Where they are from, for messages.

        Raises:
            ValueError: If there are such faces, with ``'leave_out'`` if all are so, or they have another number of
                landmarks than the layout. It names some of the faces and the way out.
        """
        norms = [measure.norm for measure in self.measures if not measure.clamped]
        found: dict[str, list[dict]] = {norm: [] for norm in norms}
        total = 0
        faces = iter(faces)
        for some in iter(lambda: list(islice(faces, 1024)), []):
            total += len(some)
            for face in some:
                if face['keypoints'].shape != (1, self.layout.num_keypoints, 2):
                    raise ValueError(
                        f'{where}: found {how_many(face["keypoints"].shape[1], "landmark")}, expected '
                        f'{self.layout.num_keypoints} of layout {self.layout.name!r} of the metric'
                    )
            gt = np.concatenate([face['keypoints'] for face in some])
            visible = np.concatenate([face['keypoints_visible'] for face in some]) > 0
            counted = self.conversion.scores(visible).any(axis=1)
            for norm in norms:
                usable = _is_usable(self._distances(norm, gt, visible, some)) & counted
                found[norm] += [face for face, flag in zip(some, usable) if not flag]
        for norm, left_out in found.items():
            if not left_out:
                continue
            shown = ', '.join(f'{face["id"]} ({face["img_path"]})' for face in left_out[:SHOWN])
            message = (
                f'{where}: {len(left_out)} of {how_many(total, "face")} cannot be measured by {norm}, which needs '
                f'{self._needed(norm)}: annotations {shown}{", ..." if len(left_out) > SHOWN else ""}'
            )
            if self.without_norm == 'error':
                raise ValueError(
                    f"{message}; with without_norm='leave_out' {type(self).__name__} counts them and "
                    'leaves them out; another norm may measure them'
                )
            if len(left_out) == total:
                raise ValueError(f'{message}; nothing is left that could be measured')
            print_log(f'{message}; they are left out of it', logger='current', level=logging.WARNING)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """All metrics of the results of :meth:`process`; writes the files if there is an ``out_dir``."""
        norms = ', '.join(measure.norm for measure in self.measures if not measure.clamped)
        print_log(f'{type(self).__name__}: {how_many(len(results), "image")}, norm: {norms}', logger='current')
        for measure in self.measures:
            count = len(results) - len(self._errors(results, measure))
            if results and count == len(results):
                raise ValueError(
                    f'{type(self).__name__}: none of {how_many(count, "image")} has a {_named(measure)} distance, '
                    f'expected {self._needed(measure.norm)}'
                )
            if count:
                print_log(
                    f'{type(self).__name__}: {count} of {how_many(len(results), "image")} are left out of '
                    f'{measure.key("NME")}, as they have no {_named(measure)} distance',
                    logger='current',
                    level=logging.WARNING,
                )
        # a dict, not a set: in the order of the annotations
        names = {name: None for result in results for name in result['attributes']}
        subsets = {name: [result for result in results if result['attributes'].get(name, 0)] for name in names}
        subsets = {name: subset for name, subset in subsets.items() if subset}

        metrics = {}
        for measure in self.measures:
            metrics.update(self._summary(results, measure))
            for name, subset in subsets.items():
                if not len(self._errors(subset, measure)):
                    continue
                metrics.update({f'{key}/{name}': value for key, value in self._summary(subset, measure).items()})
            for key in self._area_keys(measure).values():
                value = mean_percent(results, key)
                if value is not None:
                    metrics[key] = value

        if self.out_dir is not None:
            self._save(self.out_dir, results, names, {'all': results, **subsets})
        return metrics

    def _area_keys(self, measure: Measure) -> dict[str, str]:
        """The metric of each facial area that is reported, by the area's name."""
        areas = self.conversion.target.areas if self.per_area and not measure.clamped else ()
        return {name: f'{measure.key("NME")}/area_{name}' for name in areas}

    def _results(
        self,
        samples: Sequence[dict],
        pred: np.ndarray,
        truths: dict[bool, np.ndarray],
        counted: np.ndarray,
        normalizers: dict[Measure, np.ndarray],
    ) -> list[dict]:
        """Results of B samples.

        Args:
            samples (Sequence[dict]): B samples.
            pred (np.ndarray): (B, K, 2) predicted landmarks of the error layout, pixels.
            truths (dict): The true ones, and under True the clamped ones, as ``pred``.
            counted (np.ndarray): (B, K) bool, which of them count.
            normalizers (dict): (B, ) d of each measure, pixels.
        """
        errors = {}
        for measure, d in normalizers.items():
            gt = truths[measure.clamped]
            errors[measure.key('NME')] = nme_per_image(pred, gt, counted, d)
            for name, key in self._area_keys(measure).items():
                area = list(self.conversion.target.areas[name])
                errors[key] = nme_per_image(pred[:, area], gt[:, area], counted[:, area], d)
        return [
            dict(
                id=sample['id'],
                img_path=sample['img_path'],
                errors={key: float(values[i]) for key, values in errors.items()},
                attributes=sample.get('raw_ann_info', {}).get('attributes', {}),
            )
            for i, sample in enumerate(samples)
        ]

    def _summary(self, results: list[dict], measure: Measure) -> dict[str, float]:
        """The metrics of all results, or of the subset that has an attribute."""
        errors = self._errors(results, measure)
        # before the mean, because it refuses an empty evaluation
        failed = failure_rate(errors, self.threshold, self.legacy)
        return {
            measure.key('NME'): 100 * float(errors.mean()),
            measure.key('FR'): 100 * failed,
            measure.key('AUC'): auc(errors, self.threshold, self.legacy),
        }

    def _row(self, result: dict) -> dict[str, Any]:
        """What ``per_image_errors.csv`` tells of a result, beside its attributes."""
        return dict(
            id=result['id'],
            img_path=result['img_path'],
            **{
                f'{measure.key("nme")}_percent': mean_percent([result], measure.key('NME')) for measure in self.measures
            },
        )

    def _save(
        self, folder: Path, results: list[dict], attributes: Iterable[str], curves: dict[str, list[dict]]
    ) -> None:
        table, picture = folder / 'per_image_errors.csv', folder / 'ced.png'
        self._write_table(
            table,
            [
                dict(self._row(result), **{name: int(bool(result['attributes'].get(name, 0))) for name in attributes})
                for result in results
            ],
        )
        errors = {name: self._errors(subset, self.measures[0]) for name, subset in curves.items()}
        errors = {name: values for name, values in errors.items() if len(values)}
        draw_ced(errors, self.threshold, self.legacy).savefig(picture)
        print_log(f'{type(self).__name__}: wrote {table} and {picture}', logger='current')

    @staticmethod
    def _write_table(path: Path, rows: list[dict]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, 'w', newline='', encoding='utf-8') as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    def _keypoints(self, sample: dict, field: str) -> np.ndarray:
        """(K, 2) float64 landmarks of the one instance of a sample."""
        keypoints = to_numpy(sample[field]['keypoints'])
        expected = (1, self.layout.num_keypoints, 2)
        if keypoints.shape != expected:
            raise ValueError(
                f'{sample["img_path"]}: {field}.keypoints has shape {keypoints.shape}, expected '
                f'{expected} for layout {self.layout.name!r}'
            )
        return keypoints[0].astype(np.float64)

    def _visible(self, sample: dict) -> np.ndarray:
        """(K, ) bool; MMPose's field is (1, K), or (1, K, 2) with weights behind the flags."""
        visible = to_numpy(sample['gt_instances']['keypoints_visible'])
        return visible.reshape(self.layout.num_keypoints, -1)[:, 0] > 0

    def _check_finite(self, what: str, keypoints: np.ndarray, counted: np.ndarray, samples: Sequence[dict]) -> None:
        bad = counted & ~np.isfinite(keypoints).all(axis=-1)
        if bad.any():
            image, k = np.argwhere(bad)[0]
            raise ValueError(
                f'{samples[image]["img_path"]}: the {what} landmark {k} is '
                f'{keypoints[image, k].tolist()}, expected finite coordinates'
            )

    def _normalizers(
        self, measure: Measure, gt: np.ndarray, visible: np.ndarray, samples: Sequence[dict]
    ) -> np.ndarray:
        """(B, ) positive d of each image, pixels; NaN for those that are left out."""
        normalizers = self._distances(measure.norm, gt, visible, samples)
        usable = _is_usable(normalizers)
        if not usable.all() and self.without_norm == 'error':
            image = int(usable.argmin())
            found = normalizers[image]
            found = 'not annotated' if np.isnan(found) else f'{found:g} pixels'
            clamped = ', clamped to the crop' if measure.clamped else ''
            raise ValueError(
                f'{samples[image]["img_path"]}: the {measure.norm} distance is {found}, expected a '
                f'positive number of pixels from {self._needed(measure.norm)}{clamped}; with '
                "without_norm='leave_out' such faces are counted and left out"
            )
        return np.where(usable, normalizers, np.nan)

    def _distances(self, norm: str, gt: np.ndarray, visible: np.ndarray, samples: Sequence[dict]) -> np.ndarray:
        """(B, ) d of each image, pixels; NaN where it is not annotated."""
        if norm == 'inter_ocular':
            return inter_ocular(gt, visible, self.layout)
        if norm == 'inter_pupil':
            return inter_pupil(gt, visible, self.layout)
        if norm == 'box_side':
            return np.array([_box_side(sample) for sample in samples], np.float64)
        return box_size(gt, visible) if norm == 'box' else box_diagonal(gt, visible)

    def _needed(self, norm: str) -> str:
        """From what d is made."""
        return dict(
            inter_ocular=f'landmarks {self.layout.eye_corners} (outer eye corners)',
            inter_pupil=f'landmarks {self.layout.pupils} (pupils)',
            box_side="the annotation's 'box_size' or 'scale'",
        ).get(norm, 'annotated landmarks that span a box')

    @staticmethod
    def _errors(results: list[dict], measure: Measure) -> np.ndarray:
        """Of the images that are measured."""
        errors = np.array([result['errors'][measure.key('NME')] for result in results], np.float64)
        return errors[~np.isnan(errors)]


def mean_percent(results: list[dict], key: str) -> float | None:
    """Mean of a metric over the images in which it is defined, in percent; None if there is none."""
    values = np.array([result['errors'][key] for result in results], np.float64)
    values = values[~np.isnan(values)]
    return 100 * float(values.mean()) if len(values) else None


def _is_usable(normalizers: np.ndarray) -> np.ndarray:
    return np.isfinite(normalizers) & (normalizers > 0)


def _named(measure: Measure) -> str:
    return f'clamped {measure.norm}' if measure.clamped else measure.norm


def _crop_borders(sample: dict) -> tuple[np.ndarray, np.ndarray]:
    """Left upper and right lower corner (2, ) of a sample's crop, image pixels: -0.5 and W - 0.5 in its own pixels."""
    missing = [name for name in ('input_center', 'input_scale', 'input_size') if sample.get(name) is None]
    if missing:
        raise ValueError(
            f'{sample["img_path"]}: found no {", ".join(missing)} in the meta information, expected them '
            'for clamped=True: from FaceAffine or TopdownAffine, through the meta_keys of PackPoseInputs'
        )
    center, scale, size = (
        np.asarray(sample[name], np.float64) for name in ('input_center', 'input_scale', 'input_size')
    )
    # MMPose's estimators map a pixel p of the input to p / W * scale + center - scale / 2
    corner = center - scale / 2 - 0.5 * scale / size
    return corner, corner + scale


def _box_side(sample: dict) -> float:
    """Side of the annotated square face box, pixels; NaN where the annotation has none."""
    annotation = sample.get('raw_ann_info', {})
    # MMPose's face annotations give the side of the box in units of 200 pixels
    field, unit = ('box_size', 1) if 'box_size' in annotation else ('scale', 200)
    side = annotation.get(field, np.nan)
    if isinstance(side, bool) or not isinstance(side, (int, float)):
        raise ValueError(f'{sample["img_path"]}: field "{field}" of the annotation is {side!r}, expected a number')
    return unit * side
