"""Predictions as plain data and as a table with one row a face."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .frame import Frame
from .landmarker import Face
from .optional import load
from .unfinished import finish, naming, unfinished

ROWS = 4096  # of a parquet file that are written together
COLUMNS = dict(file=str, frame=int, time=float, face=int)  # before the values


def to_dict(face: Face) -> dict[str, Any]:
    """A face as MMPose's inferencers write it, with the angle, its number if it is followed, and
    ``keypoint_covariances`` and ``keypoints_visible`` if there are any.

    >>> from mmfld.runtime import FaceLandmarker
    >>> [face] = FaceLandmarker()('photo.jpg')
    >>> sorted(to_dict(face))
    ['angle', 'bbox', 'bbox_score', 'keypoint_covariances', 'keypoint_scores', 'keypoints', 'keypoints_visible']
    """
    number = {} if face.track_id is None else dict(track_id=face.track_id)
    told = dict(keypoint_covariances=face.covariances, keypoints_visible=face.visible)
    told = {name: values.tolist() for name, values in told.items() if values is not None}
    return dict(
        number,
        keypoints=face.landmarks.tolist(),
        keypoint_scores=face.scores.tolist(),
        **told,
        bbox=[face.box.tolist()],
        bbox_score=face.score,
        angle=face.angle,
    )


def _readable(path: str) -> str:
    """Bytes of a file name that are no UTF-8 as \\udcXX."""
    return path.encode('utf-8', 'backslashreplace').decode()


def value_names(num_keypoints: int) -> list[str]:
    """Of :func:`values_of`."""
    return [
        'score',
        'angle',
        'box_x1',
        'box_y1',
        'box_x2',
        'box_y2',
        *(f'{name}{k}' for k in range(num_keypoints) for name in ('x', 'y', 'score')),
    ]


def values_of(face: Face) -> list[float]:
    """The numbers of a face, as they stand in a row of a table."""
    return [
        face.score,
        face.angle,
        *face.box.tolist(),
        *np.column_stack([face.landmarks, face.scores]).ravel().tolist(),
    ]


class TableWriter:
    """A table of faces: file, frame and time in seconds (none for images), face or track, score, angle, box
    (``box_x1``, ...), and x, y and score of each landmark (``x0``, ``y0``, ``score0``, ...). Covariances
    and visibilities are in json files alone.

    In a ``with`` statement, the file's name ends in .part until it is left without an error.

    Args:
        path (Path): To write, a csv or parquet file by its suffix.
        num_keypoints (int): K.
        more (Sequence[str]): Further columns, which come last. Defaults to none.

    Raises:
        ImportError: If pyarrow is not installed, for parquet.
        ValueError: If it is of another suffix.
    """

    def __init__(self, path: Path, num_keypoints: int, more: Sequence[str] = ()) -> None:
        if path.suffix not in FILES:
            raise ValueError(f'table {path}: found suffix {path.suffix!r}, expected one of {", ".join(FILES)}')
        self.path = path
        self._file = FILES[path.suffix](unfinished(path), COLUMNS, [*value_names(num_keypoints), *more])

    def __enter__(self) -> 'TableWriter':
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self.close(error is None)

    def write(self, frame: Frame, faces: Sequence[Face], more: Sequence[Sequence[float]] | None = None) -> None:
        """The faces of an image, or of a frame of a video, and the values of each in further columns."""
        with naming(self.path):
            self._write(frame, faces, more)

    def _write(self, frame: Frame, faces: Sequence[Face], more: Sequence[Sequence[float]] | None) -> None:
        for number, face in enumerate(faces):
            self._file.write(
                [
                    _readable(frame.path),
                    None if frame.time is None else frame.index,
                    frame.time,
                    number if face.track_id is None else face.track_id,
                ],
                [*values_of(face), *(more[number] if more else ())],
            )

    def close(self, is_complete: bool = True) -> None:
        """End the file; it gets its name if it ``is_complete``."""
        with naming(self.path):
            self._file.close()
        if is_complete:
            finish(self.path)


class _Csv:
    def __init__(self, path: Path, columns: dict[str, type], values: Sequence[str]) -> None:
        self._file = open(path, 'w', newline='', encoding='utf-8')
        self._rows = csv.writer(self._file)
        self._rows.writerow([*columns, *values])

    def write(self, columns: Sequence[Any], values: Sequence[float]) -> None:
        self._rows.writerow(
            [f'{value:.6f}' if isinstance(value, float) else value for value in columns]
            + [f'{value:.4f}' for value in values]
        )

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path, columns: dict[str, type], values: Sequence[str]) -> None:
        self._arrow = load('pyarrow', 'pyarrow', 'a parquet file')
        types = {str: self._arrow.string(), int: self._arrow.int64(), float: self._arrow.float64()}
        self._schema = self._arrow.schema(
            [
                *((name, types[kind]) for name, kind in columns.items()),
                *((name, self._arrow.float32()) for name in values),
            ]
        )
        self._file = load('pyarrow.parquet', 'pyarrow', 'a parquet file').ParquetWriter(path, self._schema)
        self._rows: list[Sequence[Any]] = []

    def write(self, columns: Sequence[Any], values: Sequence[float]) -> None:
        self._rows.append([*columns, *values])
        if len(self._rows) == ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._rows:
            arrays = [self._arrow.array(column, field.type) for column, field in zip(zip(*self._rows), self._schema)]
            self._file.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
            self._rows.clear()


FILES: dict[str, type[_Csv] | type[_Parquet]] = {'.csv': _Csv, '.parquet': _Parquet}
