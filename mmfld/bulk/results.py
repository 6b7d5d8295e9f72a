"""The folder that a run writes, part by part."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq

from ..runtime import Face
from ..runtime.tables import value_names, values_of
from .inputs import locate

IMAGES = pa.schema(
    [
        ('file', pa.string()),
        ('width', pa.int32()),
        ('height', pa.int32()),
        ('faces', pa.int32()),
        ('reason', pa.string()),
    ]
)


class ResultFolder:
    """Tables that are complete or absent: each is written under a name of its own in ``_unfinished`` and then renamed.
    A part is done when its table of images is there, which is written after its table of faces.

    Args:
        path (str): Path or URI.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._system, self._root = locate(path)
        self._root = self._root.rstrip('/')
        self._unfinished = f'{self._root}/_unfinished'

    def begin(self, settings: dict[str, Any], inputs: pa.Table) -> set[int]:
        """Start a run here, or go on with it; the numbers of the parts that are done.

        Raises:
            ValueError: If a run began here with other settings or inputs, naming what differs.
        """
        self._system.invalidate_cache()
        if self._system.exists(f'{self._root}/run.json'):
            self._check_settings(json.loads(self._system.cat_file(f'{self._root}/run.json')), settings)
            with self._system.open(f'{self._root}/inputs.parquet') as file:
                self._check_inputs(pq.read_table(file), inputs)
        elif self._numbers('images'):
            raise ValueError(f'{self.path}: found parts of a run without its run.json, expected an empty folder')
        else:
            self._write_table('inputs.parquet', inputs)
            self._write('run.json', json.dumps(settings, indent='  ').encode())
        self._clean()
        return self._numbers('images')

    def begin_part(self, number: int) -> int:
        """Note that a worker begins a part; how many have begun it before in this run."""
        self._system.invalidate_cache()
        self._system.makedirs(self._unfinished, exist_ok=True)
        names = (path.rpartition('/')[2] for path in self._system.ls(self._unfinished, detail=False))
        before = sum(name.startswith(f'part-{number:06d}-') for name in names)
        self._system.pipe_file(f'{self._unfinished}/part-{number:06d}-{uuid4().hex}', b'')
        return before

    def write_part(self, number: int, faces: pa.Table, images: pa.Table) -> None:
        """Write both tables of a part; its faces first, so that they are there if the part is done."""
        self._write_table(f'faces/part-{number:06d}.parquet', faces)
        self._write_table(f'images/part-{number:06d}.parquet', images)

    def finish(self) -> tuple[int, int, pa.Table]:
        """Write the table of what is broken in all parts that are there; the numbers of images and faces, and it."""
        self._system.invalidate_cache()
        names = [f'{self._root}/images/part-{number:06d}.parquet' for number in sorted(self._numbers('images'))]
        images = pyarrow.dataset.dataset(names, IMAGES, 'parquet', self._system)
        broken = images.to_table(['file', 'reason'], pc.field('reason').is_valid())
        self._write_table('broken.parquet', broken)
        self._clean()
        faces = pc.sum(images.to_table(['faces'])['faces'], min_count=0).as_py()
        return images.count_rows() - broken.num_rows, faces, broken

    def _clean(self) -> None:
        """Remove the notes of :meth:`begin_part` and what workers that were killed have left."""
        if self._system.exists(self._unfinished):
            self._system.rm(self._unfinished, recursive=True)

    def _numbers(self, folder: str) -> set[int]:
        """Of the parts in a folder."""
        if not self._system.exists(f'{self._root}/{folder}'):
            return set()
        names = (path.rpartition('/')[2] for path in self._system.ls(f'{self._root}/{folder}', detail=False))
        return {int(name[len('part-') : -len('.parquet')]) for name in names}

    def _write_table(self, name: str, table: pa.Table) -> None:
        buffer = pa.BufferOutputStream()
        pq.write_table(table, buffer)
        self._write(name, buffer.getvalue().to_pybytes())

    def _write(self, name: str, content: bytes) -> None:
        unfinished = f'{self._unfinished}/{uuid4().hex}'
        for folder in (self._unfinished, f'{self._root}/{name}'.rpartition('/')[0]):
            self._system.makedirs(folder, exist_ok=True)
        self._system.pipe_file(unfinished, content)
        self._system.mv(unfinished, f'{self._root}/{name}')

    def _check_settings(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        before, now = (json.loads(json.dumps(settings)) for settings in (before, now))
        for name in {**before, **now}:
            if before.get(name) != now.get(name):
                raise ValueError(
                    f'{self.path}/run.json: found {name}={before.get(name)!r} of the run that began '
                    f'here, but now it is {now.get(name)!r}; another run needs another folder'
                )

    def _check_inputs(self, before: pa.Table, now: pa.Table) -> None:
        if before.equals(now):
            return
        before, now = (dict(zip(table['file'].to_pylist(), table['size'].to_pylist())) for table in (before, now))
        changes = {
            name: 'gone' if name not in now else 'new' if name not in before else 'of another size'
            for name in sorted({**before, **now})
            if before.get(name, -1) != now.get(name, -1)
        }
        counts = ', '.join(f'{count} {change}' for change, count in Counter(changes.values()).items())
        name, change = next(iter(changes.items()))
        raise ValueError(
            f'{self.path}/inputs.parquet: the inputs are not those of the run that began here: {counts}, '
            f'as {name}, which is {change}; another run needs another folder'
        )


def face_table(files: Sequence[str], faces: Sequence[Sequence[Face]], num_keypoints: int) -> pa.Table:
    """One row a face, with the columns of :class:`mmfld.runtime.tables.TableWriter`; frame and time are empty."""
    rows = [(file, number, face) for file, of_file in zip(files, faces) for number, face in enumerate(of_file)]
    names = value_names(num_keypoints)
    values = np.array([values_of(face) for _, _, face in rows], np.float32).reshape(len(rows), len(names))
    return pa.table(
        dict(
            file=pa.array([file for file, _, _ in rows], pa.string()),
            frame=pa.nulls(len(rows), pa.int64()),
            time=pa.nulls(len(rows), pa.float64()),
            face=pa.array([number for _, number, _ in rows], pa.int64()),
            **dict(zip(names, values.T.copy())),
        )
    )
