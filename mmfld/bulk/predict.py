"""A run: what is missing in the folder of results is handed out to workers, and counted."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from ..runtime import FaceLandmarker
from ..version import __version__
from .inputs import Part, divide, list_inputs, locate, parts_of
from .pictures import read_part
from .results import IMAGES, ResultFolder, face_table

IMAGES_AT_ONCE = 4  # in memory twice: these, and the next
ATTEMPTS = 3  # at a part whose worker dies


class Summary(NamedTuple):
    """What there is after a run.

    Args:
        images (int): That have been read, in this run and in those that it went on with.
        faces (int): In them.
        broken (list[tuple[str, str]]): Names and reasons of the inputs that could not be read.
        failed (list[tuple[int, str]]): Numbers of parts that are not done, and reasons. The next run tries them again.
    """

    images: int
    faces: int
    broken: list[tuple[str, str]]
    failed: list[tuple[int, str]]


def predict_in_bulk(
    inputs: Sequence[str],
    out: str,
    make_landmarker: Callable[[], FaceLandmarker],
    settings: dict[str, Any],
    part_size: int = 1000,
    workers: int | None = None,
    threads: int = 1,
    address: str | None = None,
) -> Summary:
    """Tables of the faces in many images. A run that was interrupted, called again, does what is missing.

    Args:
        inputs (Sequence[str]): See :func:`mmfld.bulk.inputs.list_inputs`.
        out (str): Path or URI of a folder that all workers reach, for what :class:`ResultFolder` writes.
        make_landmarker (callable): Called once by each worker, on its machine.
        settings (dict): What the results depend on, apart from the inputs, as plain data. A run with others does not go
            on with this one.
        part_size (int): Images in a part. Defaults to 1000.
        workers (int, optional): Defaults to the CPUs of the cluster divided by ``threads``.
        threads (int): CPUs that a worker takes; the landmarker's. Defaults to 1.
        address (str, optional): Of a Ray cluster. Defaults to the environment variable ``RAY_ADDRESS`` or, without it,
            to a cluster on this machine for this run only. A program that is connected to Ray stays so, and its
            connection is used.

    Raises:
        FileNotFoundError: If an input does not exist.
        ValueError: If it cannot be read, ``out`` lies in it or is of another run, or a number is below 1.
        OSError: If there is no cluster at the address, or its workers do not start.
    """
    for name, number in dict(part_size=part_size, workers=workers, threads=threads).items():
        if number is not None and number < 1:
            raise ValueError(f'found {name}={number}, expected at least 1')
    for item in inputs:
        (system, path), (_, written) = locate(item), locate(out)
        if system.isdir(path) and f'{written}/'.startswith(f'{path.rstrip("/")}/'):
            raise ValueError(f'{out}: found it inside the input {item}, of which results would become a part')
    table = divide(list_inputs(inputs), part_size)
    folder = ResultFolder(out)
    done = folder.begin(dict(settings, mmfld=__version__, part_size=part_size), table)
    parts = parts_of(table)
    missing = [part for part in parts if part.number not in done]
    failed = {part.number: 'Ray did not bring it to an end' for part in missing}
    if missing:
        with cluster(address, (workers or 1) * threads), tqdm(total=len(parts), initial=len(done), unit='part') as bar:
            images = 0
            for row in _hand_out(missing, make_landmarker, folder, workers, threads):
                if row['reason']:
                    failed[row['part']] = row['reason']
                else:
                    del failed[row['part']]
                images += row['images']
                bar.set_postfix_str(f'{images / (bar.format_dict["elapsed"] or 1):.1f} images/s')
                bar.update(not row['reason'])
    images, faces, broken = folder.finish()
    return Summary(images, faces, [tuple(row.values()) for row in broken.to_pylist()], sorted(failed.items()))


class Worker:
    """An actor of Ray: one landmarker, for one part after the other."""

    def __init__(self, make_landmarker: Callable[[], FaceLandmarker], folder: ResultFolder) -> None:
        self.landmarker = make_landmarker()
        self.folder = folder

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list]:
        """One part as a batch of one row -> its number, how many images it has, and why it is not done, if so."""
        (number,), (kind,), (files,) = (batch[name] for name in Part._fields)
        images, reason = 0, None
        try:
            if self.folder.begin_part(int(number)) >= ATTEMPTS:
                raise RuntimeError(f'{ATTEMPTS} workers died of it')
            images = self._predict(Part(int(number), kind, list(files)))
        except Exception as error:  # of whatever kind, the other parts can be done
            reason = f'{type(error).__name__}: {error}'
        return dict(part=[int(number)], images=[images], reason=[reason])

    def _predict(self, part: Part) -> int:
        rows, names, faces = [], [], []
        for pictures in read_part(part, IMAGES_AT_ONCE):
            good = [picture for picture in pictures if not isinstance(picture.image, str)]
            found = self.landmarker.batch([picture.image for picture in good])
            names += [picture.name for picture in good]
            faces += found
            counts = iter(map(len, found))
            for name, image in pictures:
                height, width = (None, None) if isinstance(image, str) else image.shape[:2]
                rows.append(
                    dict(
                        file=name,
                        width=width,
                        height=height,
                        faces=None if width is None else next(counts),
                        reason=image if width is None else None,
                    )
                )
        self.folder.write_part(
            part.number,
            face_table(names, faces, self.landmarker.model.layout.num_keypoints),
            pa.Table.from_pylist(rows, IMAGES),
        )
        return len(rows)


@contextmanager
def cluster(address: str | None, cpus: int) -> Iterator[None]:
    """Ray while it is needed; on this machine with at least so many CPUs, or Ray would not start all workers."""
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')  # reports to the makers of Ray, which are on by default
    os.environ.setdefault('RAY_DATA_LOG_LEVEL', 'WARNING')
    os.environ.setdefault('RAY_BACKEND_LOG_LEVEL', 'fatal')
    import ray

    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get('RAY_ADDRESS') or 'local'
    local = dict(num_cpus=max(cpus, os.cpu_count()), include_dashboard=False) if address == 'local' else {}
    ray.init(address, logging_level=logging.ERROR, log_to_driver=False, **local)
    try:
        yield
    finally:
        ray.shutdown()


def _hand_out(
    parts: list[Part],
    make_landmarker: Callable[[], FaceLandmarker],
    folder: ResultFolder,
    workers: int | None,
    threads: int,
) -> Iterator[dict[str, Any]]:
    """What :class:`Worker` says of each part, in the order in which they are done."""
    import ray

    logging.getLogger('ray.data._internal.progress').setLevel(logging.ERROR)  # it warns that there is no bar
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # whatever happens to one, the others go on
    context.max_consecutive_actor_init_deaths = ATTEMPTS
    workers = workers or max(1, int(ray.cluster_resources().get('CPU', 1)) // threads)
    dataset = ray.data.from_items([part._asdict() for part in parts], override_num_blocks=len(parts))
    # a part is a block and a block is a task, which Ray gives to another worker if its worker dies
    rows = dataset.map_batches(
        Worker,
        fn_constructor_args=(make_landmarker, folder),
        batch_size=1,
        num_cpus=threads,
        runtime_env=dict(env_vars={'MMFLD_LAZY': '1'}),  # seconds of importing torch and MMPose for nothing
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(parts)), max_tasks_in_flight_per_actor=1),
    ).iter_rows()
    try:
        yield from rows
    except ray.exceptions.RayError as error:  # such as workers that do not start
        raise OSError(f'Ray cannot go on: {str(error).strip().splitlines()[-1].strip()}') from error
