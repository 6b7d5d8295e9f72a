"""Face alignment in videos as an MMEngine metric: NME by frames and by videos, and flicker."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log
from mmpose.registry import METRICS

from ..counts import how_many
from .face_alignment_metric import FaceAlignmentMetric, Measure, mean_percent
from .flicker import flicker_per_frame


@METRICS.register_module()
class FaceVideoMetric(FaceAlignmentMetric):
    """What :class:`FaceAlignmentMetric` reports, over all frames, and how it is spread over videos and time.

    ``NME_video`` is first the mean over the frames of a video, then over videos; ``flicker`` the mean norm of the
    second differences in time of the error, ``flicker_pred`` that of the predictions (:mod:`mmfld.evaluation.flicker`),
    at frames that count and both of whose neighbours do, in percent of d. ``docs/concepts/crops_and_metrics.md`` has
    the rest.

    A data sample needs the meta information ``video`` (str), a name, and ``frame`` (int), the place in that video.
    Results may come in any order, and of what comes again the first counts.

    Args:
        count_excluded (bool): Whether frames whose annotation has ``excluded: 1`` count as well. Defaults to False.
        **kwargs: Of :class:`FaceAlignmentMetric`. ``out_dir`` gets ``per_video_errors.csv`` as well.

    Raises:
        ValueError: As :class:`FaceAlignmentMetric`, naming the image; also if a sample lacks ``video`` or ``frame``, or
            a frame has two faces.
    """

    def __init__(self, *args: Any, count_excluded: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.count_excluded = count_excluded

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """Add one result per sample, see :meth:`FaceAlignmentMetric.process`, with what flicker is measured from."""
        counted = []
        for sample in data_samples:
            place = _place(sample)
            if self._is_excluded(sample):
                self.results.append(dict(place, id=sample['id'], img_path=sample['img_path'], excluded=True))
            else:
                counted.append(sample)
        if counted:
            super().process(data_batch, counted)

    def check_faces(self, faces: Iterable[dict], where: str) -> None:
        """As in the base class, for the frames that count."""
        super().check_faces((face for face in faces if not self._is_excluded(face)), where)

    def evaluate(self, size: int) -> dict[str, float]:
        """Collect the results of all ranks and compute the metrics.

        Args:
            size (int): Not used. MMEngine cuts the collected results to the length of the data set, to drop padding;
                that length may be in clips, while results are frames, and here padding is known by its place.
        """
        return super().evaluate(sys.maxsize)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """All metrics of the results of :meth:`process`; writes the files if there is an ``out_dir``."""
        results = _once(results)
        videos: dict[str, list[dict]] = {result['video']: [] for result in results}
        excluded: Counter[str] = Counter()
        for result in results:
            if result['excluded']:
                excluded[result['video']] += 1
            else:
                videos[result['video']].append(result)
        print_log(
            f'{type(self).__name__}: {how_many(len(videos), "video")}, excluded frames left out: {excluded.total()}',
            logger='current',
        )
        videos = {video: _with_flicker(frames) for video, frames in videos.items()}
        metrics = super().compute_metrics([frame for frames in videos.values() for frame in frames])

        if self.out_dir is not None:
            table = self.out_dir / 'per_video_errors.csv'
            self._write_table(
                table,
                [
                    dict(
                        video=video,
                        frames=len(frames),
                        excluded=excluded[video],
                        **{
                            f'{measure.key("nme")}_percent': mean_percent(frames, measure.key('NME'))
                            for measure in self.measures
                        },
                        **self._flicker_columns(frames),
                    )
                    for video, frames in videos.items()
                ],
            )
            print_log(f'{type(self).__name__}: wrote {table}', logger='current')
        return metrics

    def _is_excluded(self, sample: dict) -> bool:
        return not self.count_excluded and bool(sample.get('raw_ann_info', {}).get('excluded', 0))

    def _results(
        self,
        samples: Sequence[dict],
        pred: np.ndarray,
        truths: dict[bool, np.ndarray],
        counted: np.ndarray,
        normalizers: dict[Measure, np.ndarray],
    ) -> list[dict]:
        results = super()._results(samples, pred, truths, counted, normalizers)
        missing = ~counted[..., None]
        # single precision, a ten thousandth of a pixel, as results of a hundred thousand frames are kept
        pred_tracks = np.where(missing, np.nan, pred).astype(np.float32)
        error_tracks = np.where(missing, np.nan, pred - truths[False]).astype(np.float32)
        for i, (result, sample) in enumerate(zip(results, samples)):
            result.update(
                _place(sample),
                excluded=False,
                pred=pred_tracks[i],
                offset=error_tracks[i],
                normalizers={measure: float(d[i]) for measure, d in normalizers.items()},
            )
        return results

    def _summary(self, results: list[dict], measure: Measure) -> dict[str, float]:
        videos: dict[str, list[dict]] = {}
        for result in results:
            videos.setdefault(result['video'], []).append(result)
        metrics = super()._summary(results, measure)
        means = [mean_percent(frames, measure.key('NME')) for frames in videos.values()]
        metrics[measure.key('NME_video')] = float(np.mean([mean for mean in means if mean is not None]))
        for key in _flicker_keys(measure):
            value = mean_percent(results, key)
            if value is not None:
                metrics[key] = value
        return metrics

    def _row(self, result: dict) -> dict[str, Any]:
        return dict(
            super()._row(result), video=result['video'], frame=result['frame'], **self._flicker_columns([result])
        )

    def _flicker_columns(self, results: list[dict]) -> dict[str, float | None]:
        """Flicker as the tables have it: empty where it is not defined."""
        return {
            f'{key}_percent': mean_percent(results, key) for measure in self.measures for key in _flicker_keys(measure)
        }


def _flicker_keys(measure: Measure) -> list[str]:
    """Flicker of the error and of the prediction; by landmarks that are clamped there is none."""
    return [] if measure.clamped else [measure.key('flicker'), measure.key('flicker_pred')]


def _place(sample: dict) -> dict[str, Any]:
    for field, kind in (('video', str), ('frame', (int, np.integer))):
        if not isinstance(sample.get(field), kind):
            raise ValueError(
                f'{sample["img_path"]}: the meta information {field!r} is {sample.get(field)!r}, expected '
                + ('the name of the video' if field == 'video' else 'the place in the video, an int')
            )
    return dict(video=sample['video'], frame=int(sample['frame']))


def _once(results: list[dict]) -> list[dict]:
    """The first result of every frame, video by video and in the order of time."""
    first: dict[tuple[str, int], dict] = {}
    for result in results:
        known = first.setdefault((result['video'], result['frame']), result)
        if known['id'] != result['id']:
            raise ValueError(
                f'{result["img_path"]}: frame {result["frame"]} of video {result["video"]!r} has the '
                f'annotations {known["id"]} and {result["id"]}, expected one face in a frame'
            )
    return [first[place] for place in sorted(first)]


def _with_flicker(frames: list[dict]) -> list[dict]:
    """Results of the frames of one video with flicker among their errors, fractions, NaN where not defined."""
    if not frames:
        return []
    places = np.array([frame['frame'] for frame in frames])
    pixels = [
        flicker_per_frame(np.stack([frame[key] for frame in frames]), frames=places) for key in ('offset', 'pred')
    ]
    return [
        dict(
            frame,
            errors={
                **frame['errors'],
                **{
                    key: value / d
                    for measure, d in frame['normalizers'].items()
                    for key, value in zip(_flicker_keys(measure), values)
                },
            },
        )
        for frame, *values in zip(frames, *pixels)
    ]
