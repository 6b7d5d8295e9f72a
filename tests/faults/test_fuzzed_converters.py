"""Damaged official files: each is read right or reported, and costs no face but its own.

The damage depends on the format and a number alone, which a failure names with the content. ``--long`` takes more
inputs.
"""

import importlib
import json
import re
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from mmfld.runtime.images import decode_image

from .mutations import ANY_BYTES, ANY_TEXT, Mutation, mutate
from .tiny_sets import Outcome, TinySet, convert, make_300w_lp, make_aflw, make_cofw, make_image, make_pts, make_wflw

PATIENCE = 30  # seconds for one input
TURNED = Image.Exif()
TURNED[0x0112] = 6  # by 90 degrees


class Format(NamedTuple):
    """A kind of file: what reads it, an intact one, and the damage that it may get."""

    converter: str
    make: Callable[[Path], TinySet]
    mutations: Sequence[Mutation] = ANY_BYTES


FORMATS = {
    '.pts': Format('convert_300w', make_pts, ANY_TEXT),
    'WFLW list': Format('convert_wflw', make_wflw, ANY_TEXT),
    '.mat of a face': Format('convert_300w_lp', make_300w_lp),
    '.mat of a set': Format('convert_aflw', make_aflw(False)),
    '.mat of a set, compressed': Format('convert_aflw', make_aflw(True)),
    '.mat of v7.3': Format('convert_cofw', make_cofw),
    '.jpg': Format('convert_300w', make_image('.jpg')),
    '.jpeg, turned': Format('convert_300w', make_image('.jpeg', exif=TURNED)),
    '.png': Format('convert_300w', make_image('.png')),
    '.bmp': Format('convert_300w', make_image('.bmp')),
    '.tif': Format('convert_300w', make_image('.tif')),
    '.webp': Format('convert_300w', make_image('.webp')),
    '.gif': Format('convert_300w', make_image('.gif')),
}
# of the tiny sets, in the place of the official numbers
COUNTS = {
    'convert_300w': dict(OFFICIAL_COUNTS=dict(train=2, valid=1, valid_common=0, valid_challenge=1, test=0)),
    'convert_300w_lp': dict(OFFICIAL_COUNT=3),
    'convert_aflw': dict(OFFICIAL_COUNTS=dict(train=2, test=1, test_frontal=1)),
    'convert_cofw': dict(OFFICIAL_COUNTS=dict(train=2, test=0)),
    'convert_wflw': dict(
        OFFICIAL_COUNTS=dict(train=4, test=0, largepose=0, expression=0, illumination=0, makeup=0, occlusion=0, blur=0)
    ),
}


@pytest.fixture(autouse=True)
def _converters(monkeypatch):
    monkeypatch.setattr(importlib.import_module('mmfld.conversion.child'), 'TIMEOUT', 5)
    for name, counts in COUNTS.items():
        for attribute, value in counts.items():
            monkeypatch.setattr(importlib.import_module(name), attribute, value)


def problem_class() -> type:
    return importlib.import_module('mmfld.conversion.problems').Problem


@contextmanager
def patience():
    """Ends what hangs with an error."""

    def give_up(*_) -> None:
        raise TimeoutError(f'nothing happened for {PATIENCE} s')

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope='module')
def counts(request) -> Counter:
    """Inputs by what became of them, printed at the end."""
    counts = Counter()
    yield counts
    with request.config.pluginmanager.getplugin('capturemanager').global_and_fixture_disabled():
        print(
            f'\nin all: {counts["right"] + counts["reported"]} inputs, {counts["right"]} read right, '
            f'{counts["reported"]} reported, silent: 0'
        )


def fuzz(
    name: str,
    path: Path,
    mutations: Sequence[Mutation],
    inputs: int,
    is_right: Callable[[bytes], bool],
    counts: Counter,
) -> None:
    """Damage a file again and again, and count how often that was read right or reported.

    Args:
        name (str): Of the format.
        path (Path): An intact file.
        mutations (Sequence[Mutation]): The damage.
        inputs (int): How many.
        is_right (Callable): Converts what is now at ``path`` and gets the content. True: it is read right. False: it is
            reported as it should be. Raises for anything else.
        counts (Counter): Of ``right`` and ``reported``.
    """
    intact = path.read_bytes()
    assert is_right(intact), f'{name}: the intact file is not read'
    right = 0
    for number in range(inputs):
        damage, content = mutate(intact, mutations, f'{name} {number}')
        path.write_bytes(content)
        try:
            with patience():
                right += is_right(content)
        except Exception as error:
            shown = content if len(content) < 20000 else content[:20000] + b'...'
            raise AssertionError(f'{name}, input {number}, {damage}: {error!r}\n{shown!r}') from error
    counts.update(right=right, reported=inputs - right)


@pytest.mark.parametrize('name', FORMATS)
def test_damage_is_read_right_or_reported(name, tmp_path, long, counts):
    kind = FORMATS[name]
    data = kind.make(tmp_path)
    out = tmp_path / 'out'

    def is_right(content: bytes) -> bool:
        shutil.rmtree(out, ignore_errors=True)
        outcome = convert(kind.converter, data, out)
        check(data, content, outcome, out)
        return not (outcome.status or ': count: ' in outcome.printed)

    fuzz(name, data.damaged, kind.mutations, 120 if long else 24, is_right, counts)


def check(data: TinySet, content: bytes, outcome: Outcome, out: Path) -> None:
    """Raise if a face is lost or wrong without a report, or the status does not tell of the report."""
    # the file with the place in it, or an image with what refers to it
    report = rf'{re.escape(str(data.damaged))}(:.+?)?: |: [a-z ]*image: .*{re.escape(str(data.damaged))}'
    is_count = re.compile(': count: face_landmarks_').search
    reports = [line for line in re.split(r'[\r\n]+', outcome.printed) if re.search(report, line) and not is_count(line)]
    if data.damaged.suffix == '.txt' and len(content.splitlines()) < len(data.faces):
        reports += filter(is_count, outcome.printed.splitlines())  # of lines that are gone, only their number is known
    found = [face for face, _ in outcome.faces]
    assert all(any(face.is_like(other) for other in found) for face in data.intact), (
        f'a face of an intact file is lost\n{outcome.printed}'
    )
    missing = [face for face in data.faces if not any(face.is_like(other) for other in found)]
    others = [face for face in found if not any(face.is_like(other) for other in data.intact + data.faces)]
    if others:
        readings = data.read(content)
        assert all(any(face.is_like(other) for other in readings) for face in others), (
            f'a face is not as the file says\n{outcome.printed}'
        )
    assert len(missing) <= len(others) or reports, f'a face is lost silently\n{outcome.printed}'
    left_out = re.search(r'faces left out: ([1-9]\d*)', outcome.printed)
    assert outcome.status == int(bool(left_out) or 'error: ' in outcome.printed), outcome.printed
    for face, size in outcome.faces:
        path = out / 'images' / face.image
        loaded = decode_image(path.read_bytes(), str(path)).shape[1::-1]
        assert loaded == size, f'{path} has {loaded} for the loader, found {size}'


def test_damaged_csv_of_frames_is_read_right_or_reported(tmp_path, long, counts):
    path = tmp_path / 'broken.csv'
    path.write_text('video,frame_1based\n401,2\n401,3\n203,4\n"410",25\n')
    read = importlib.import_module('convert_300vw').read_broken_frames

    def is_right(content: bytes) -> bool:
        try:
            found = {(video, frame) for video, frames in read(path).items() for frame in frames}
        except problem_class() as problem:
            assert re.match(rf'{re.escape(str(path))}:\d+: ', str(problem))
            return False
        rows = [line.replace(b'"', b'').decode().split(',') for line in content.splitlines()[1:]]
        assert found == {(video, int(frame) - 1) for video, frame in rows}
        return True

    fuzz('.csv', path, ANY_TEXT, 120 if long else 40, is_right, counts)


def test_damaged_npy_of_frames_is_read_or_reported(tmp_path, long, counts):
    path = tmp_path / 'broken.npy'
    np.save(path, np.array({'401': [2, 3], '203': [4]}, dtype=object))
    read = importlib.import_module('convert_300vw').read_broken_frames

    def is_right(content: bytes) -> bool:
        try:
            found = read(path)
        except problem_class() as problem:
            assert str(problem).startswith(f'{path}: ')
            return False
        assert found.keys() <= importlib.import_module('convert_300vw').SPLIT_OF.keys()
        assert all(type(frame) is int and frame >= 0 for frames in found.values() for frame in frames)
        return True

    fuzz('.npy', path, ANY_BYTES, 120 if long else 24, is_right, counts)


def test_damaged_json_of_a_test_set_is_read_right_or_reported(tmp_path, long, counts):
    path = tmp_path / 'valid.json'
    names = ['ibug/x.jpg', 'helen/testset/y_1.jpg', 'lfpw/testset/image_0001.png']
    path.write_text(json.dumps(dict(images=[dict(id=n, file_name=name) for n, name in enumerate(names)]), indent=0))
    module = importlib.import_module('convert_300w_lp')

    def is_right(content: bytes) -> bool:
        try:
            found = module.renderings(path)
        except module.ConversionError as error:
            assert str(error).startswith(f'{path}: ')
            return False
        read = [Path(image['file_name']) for image in json.loads(content)['images']]
        assert {name.split('_')[0] for name in found} == {f'{p.parts[0].upper()}/{p.parts[0].upper()}' for p in read}
        assert len(found) == len(set(read))
        return True

    fuzz('.json', path, ANY_TEXT, 120 if long else 40, is_right, counts)
