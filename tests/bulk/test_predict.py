"""Every picture once, whatever dies in between."""

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import cv2
import pandas as pd
import pyarrow.parquet as pq
import pytest
from matplotlib.cbook import get_sample_data
from ray import cloudpickle

from mmfld.bulk import predict_in_bulk
from mmfld.bulk.predict import cluster
from mmfld.cli.main import main
from mmfld.runtime import FaceLandmarker

pytestmark = pytest.mark.slow

PHOTO = cv2.resize(cv2.imread(get_sample_data('grace_hopper.jpg', asfileobj=False)), (128, 150))
SETTINGS = dict(model='the one of the package')
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # which workers cannot import


class Mortal(FaceLandmarker):
    """Kills its process at the picture that is narrower: the first so many times, which a file counts."""

    def __init__(self, deaths, times):
        super().__init__(threads=1)
        self.deaths, self.times = deaths, times

    def batch(self, images):
        found = super().batch(images)
        if any(image.shape[1] == 100 for image in images) and os.path.getsize(self.deaths) < self.times:
            with open(self.deaths, 'a') as file:
                file.write('x')
            os.kill(os.getpid(), signal.SIGKILL)
        return found


@pytest.fixture(scope='module')
def beside_ray():
    """Calls functions in a process that is connected to Ray, which is started once, as that takes as long as all
    pictures. In the process of the tests Ray would leave threads, beside which nothing is to be forked."""
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, context, connect) as process:
        yield lambda function, *args, **kwargs: process.submit(function, *args, **kwargs).result(timeout=600)


def connect():
    os.environ['RAY_worker_niceness'] = '0'  # beside other tests its workers would starve
    connection = cluster(None, 2)
    connection.__enter__()
    multiprocessing.util.Finalize(None, connection.__exit__, args=(None, None, None), exitpriority=1)


def run_main(arguments):
    """Status, standard output and standard error."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        status = main(arguments)
    return status, out.getvalue(), err.getvalue()


@pytest.fixture
def photos(tmp_path):
    """40 pictures, of which one is narrower, one has no face and one is cut off."""
    folder = tmp_path / 'photos'
    folder.mkdir()
    (tmp_path / 'deaths').touch()
    for n in range(40):
        cv2.imwrite(str(folder / f'{n:02}.jpg'), PHOTO[:, 14:114] if n == 29 else 0 * PHOTO if n == 7 else PHOTO)
    (folder / '13.jpg').write_bytes((folder / '13.jpg').read_bytes()[:-99])
    return folder


def check_all_once(folder, photos, missing=()):
    names = [str(photos / f'{n:02}.jpg') for n in range(40) if n not in missing]
    images = pd.read_parquet(folder / 'images').set_index('file')
    assert sorted(images.index) == names
    faces = pd.read_parquet(folder / 'faces')
    assert sorted(faces['file']) == [name for name in names if name[-6:-4] not in ('07', '13')]
    assert images['faces'].drop(names[13]).eq(1).sum() == len(faces) and images['faces'][names[7]] == 0
    assert pd.isna(images['faces'][names[13]]) and 'has no end' in images['reason'][names[13]]
    assert pq.read_table(folder / 'broken.parquet').to_pylist() == [
        dict(file=names[13], reason=images['reason'][names[13]])
    ]
    assert not (folder / '_unfinished').exists()
    return faces


def test_a_worker_is_killed(beside_ray, photos, tmp_path):
    summary = beside_ray(
        predict_in_bulk,
        [str(photos)],
        str(tmp_path / 'out'),
        partial(Mortal, tmp_path / 'deaths', 1),
        SETTINGS,
        part_size=8,
        workers=2,
    )
    assert (tmp_path / 'deaths').read_text() == 'x'
    assert (summary.images, summary.faces, len(summary.broken), summary.failed) == (39, 38, 1, [])
    faces = check_all_once(tmp_path / 'out', photos)
    (face,) = FaceLandmarker(threads=1)(photos / '00.jpg')
    row = faces.set_index('file').loc[str(photos / '00.jpg')]
    found = row[[f'{name}{k}' for k in range(68) for name in 'xy']].to_numpy(float).reshape(68, 2)
    assert abs(found - face.landmarks).max() < 0.01
    assert list(faces.columns[:6]) == ['file', 'frame', 'time', 'face', 'score', 'angle']


def test_a_picture_that_kills_every_worker(beside_ray, photos, tmp_path):
    """Its part is reported and tried again in the next run."""
    inputs, out = [str(photos)], str(tmp_path / 'out')
    run = partial(beside_ray, predict_in_bulk, inputs, out, settings=SETTINGS, part_size=8, workers=2)
    make = partial(Mortal, tmp_path / 'deaths', 3)
    assert run(make_landmarker=make).failed == [(3, 'RuntimeError: 3 workers died of it')]
    assert len(pd.read_parquet(tmp_path / 'out/images')) == 32
    assert run(make_landmarker=make).failed == []
    check_all_once(tmp_path / 'out', photos)


def test_the_run_is_killed(beside_ray, photos, tmp_path):
    arguments = ['predict', '--ray', str(photos), '--out', str(tmp_path / 'out'), '--part-size', '2', '--workers', '2']
    process = subprocess.Popen([sys.executable, '-W', 'ignore', '-m', 'mmfld', *arguments])
    end = time.monotonic() + 300
    while len(list((tmp_path / 'out').glob('images/*.parquet'))) < 2:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    process.kill()
    process.wait()
    time.sleep(1)  # workers may end what they have begun
    done = {path: path.stat().st_mtime_ns for path in Path(tmp_path / 'out').glob('*/part-*.parquet')}
    assert 4 <= len(done) < 40
    status, out, err = beside_ray(run_main, arguments)
    assert (status, out) == (1, '38 faces in 39 images\n')
    assert '13.jpg: found' in err and 'has no end' in err
    assert all(path.stat().st_mtime_ns == time for path, time in done.items() if path.parent.name == 'images')
    check_all_once(tmp_path / 'out', photos)
    assert beside_ray(run_main, arguments)[:2] == (1, '38 faces in 39 images\n')
