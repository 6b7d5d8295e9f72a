"""Annotation files with random damage are read rightly, or refused in one sentence; never read wrongly in silence.

Each input is a small COCO-style file of 5 faces, to which one to three kinds of damage are done; the seed of an input
is its number. The outcome is

* **right**: all faces that stand in the file are loaded, with the values that stand there, or
* **error**: a ValueError or FileNotFoundError in one line that names the file.

Anything else fails, and the message has the input.
"""

import copy
import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmfld.datasets import FaceLandmarkDataset, FaceVideoDataset
from mmfld.structures import get_layout

LAYOUT = get_layout('aflw19')
K = LAYOUT.num_keypoints
SHORT, LONG = 400, 2000
IMAGES = {FaceLandmarkDataset: 4, FaceVideoDataset: 5}  # a frame of a video has one face

VALUES = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    0.5,
    -0.5,
    1.5,
    1e-4,
    1e6,
    -1e5,
    1e12,
    1e39,
    1e300,
    10**400,
    -0.0,
    math.nan,
    math.inf,
    -math.inf,
    '',
    '1',
    '10.5',
    'nan',
    'face',
    '\0',
    '\ud800',
    '../1.jpg',
    '/1.jpg',
    [],
    [1],
    [[1, 2]],
    {},
    {'id': 1},
    [None] * 57,
    list(range(57)),
    [0.5] * 57,
    [0] * 57,
    [10, 20, 30, 40],
    [0.1, 0.2, 0.3, 0.4],
    [5, 6, 0, 9],
    [1e9, 1e9, 1e9, 1e9],
    'x' * 5000,
)


def whole_content(num_images: int) -> dict:
    """5 faces in 4 or 5 images, with everything that an annotation may have."""
    faces = [
        dict(
            id=10 + n,
            image_id=min(n, num_images - 1),
            category_id=1,
            iscrowd=0,
            keypoints=[v for k in range(K) for v in (20.0 + n + k, 30.0 + 2 * k, 1 + k % 2)],
        )
        for n in range(5)
    ]
    faces[0].update(attributes=dict(blur=1, pose=0), bbox=[20, 30, 19, 37])
    faces[1]['face_box'] = [10.5, 20, 50, 60]
    faces[2]['landmark_box'] = [15, 25.5, 70, 80]
    faces[3].update(center=[40, 50], box_size=64, scale=0.32)
    faces[4]['keypoints'][:3] = [0, 0, 0]
    images = [
        dict(id=n, file_name=f'{n}.jpg', width=200, height=100 + n, video='a', frame=n) for n in range(num_images)
    ]
    return dict(categories=[dict(id=1, name='face')], images=images, annotations=faces)


# --- damage ----------------------------------------------------------------------------------------------------------


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """All (container, key) in a content."""
    for key, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(child, (dict, list)):
            yield from places(child)


def a_place(content: Any, rng: random.Random, kind: type = object) -> tuple[Any, Any]:
    """A random place; each name of a field as often as any other, and not most often a coordinate."""
    found = [(one, key) for one, key in places(content) if isinstance(one[key], kind)]
    names = sorted({str(key) if isinstance(one, dict) else 'item' for one, key in found})
    if not names:
        return [content], 0
    name = rng.choice(names)
    return rng.choice([(one, key) for one, key in found if (str(key) if isinstance(one, dict) else 'item') == name])


def replace(content, rng):
    one, key = a_place(content, rng)
    one[key] = copy.deepcopy(rng.choice(VALUES))


def remove(content, rng):
    one, key = a_place(content, rng)
    del one[key]


def repeat(content, rng):
    one, key = a_place(content, rng, list)
    if one[key]:
        one[key].insert(rng.randrange(len(one[key]) + 1), copy.deepcopy(rng.choice(one[key])))


def shuffle(content, rng):
    one, key = a_place(content, rng, list)
    rng.shuffle(one[key])


def cut_list(content, rng):
    one, key = a_place(content, rng, list)
    del one[key][rng.randrange(len(one[key]) + 1) :]


def swap(content, rng):
    (one, first), (other, second) = a_place(content, rng), a_place(content, rng)
    one[first], other[second] = copy.deepcopy(other[second]), copy.deepcopy(one[first])


def change_number(content, rng):
    one, key = a_place(content, rng, (int, float))
    value = one[key] if abs(one[key]) < 1e300 else 7  # no float would hold all results
    one[key] = rng.choice([-value, value * 1000, value + 1, value / 200, value * 1e10, str(value), value + 1e-3])


def damage_points(content, rng):
    """All coordinates of a face: in parts of the image, shifted, magnified, at one place."""
    faces = [one for one, key in places(content) if key == 'keypoints' and isinstance(one[key], list)]
    if faces:
        points = rng.choice(faces)['keypoints']
        scale, shift = rng.choice([(0.005, 0), (1, 1e6), (1, -150), (1e4, 0), (0, 50), (-1, 0), (1, 40), (0.5, 0)])
        for n, value in enumerate(points):
            if n % 3 < 2 and type(value) in (int, float) and abs(value) < 1e300:
                points[n] = scale * value + shift


def add_field(content, rng):
    one, key = a_place(content, rng, dict)
    names = ('face_box', 'landmark_box', 'box_size', 'center', 'attributes', 'iscrowd', 'width', 'id', 'note')
    one[key][rng.choice(names)] = copy.deepcopy(rng.choice(VALUES))


def wrap(content, rng):
    one, key = a_place(content, rng)
    one[key] = rng.choice([[copy.deepcopy(one[key])], dict(value=copy.deepcopy(one[key]))])


DAMAGE: list[Callable] = [
    replace,
    replace,
    replace,
    remove,
    repeat,
    shuffle,
    cut_list,
    swap,
    change_number,
    change_number,
    damage_points,
    add_field,
    add_field,
    wrap,
]


def damage_bytes(text: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(text))
    return rng.choice(
        [
            lambda: text[:place],
            lambda: text[:place] + b'\0' + text[place:],
            lambda: text[:place] + b'\xff' + text[place + 1 :],
            lambda: text[:place] + bytes([rng.randrange(256)]) + text[place + 1 :],
            lambda: text[:place] + text[place + rng.randrange(20) :],
            lambda: text + text,
            lambda: text[:-1] + b', "annotations": []}',
            lambda: b'\xef\xbb\xbf' + text,
            lambda: text.decode().encode('utf-16'),
            lambda: b'',
            lambda: b'[' * 50000,
            lambda: text.replace(b'"image_id"', b'"id"', 1),
            lambda: text.replace(b'200', b'2' * 5000, 1),
        ]
    )()


def fuzzed(number: int, kind: type) -> bytes:
    rng = random.Random(number)
    content = [whole_content(IMAGES[kind])]  # in a list, so that all of it can be replaced as well
    for _ in range(rng.choice([1, 1, 2, 3])):
        is_content = isinstance(content[0], (dict, list)) and rng.random() < 0.95
        rng.choice(DAMAGE)(content[0] if is_content else content, rng)
    text = json.dumps(content[0]).encode()
    return damage_bytes(text, rng) if rng.random() < 0.2 else text


# --- outcome ---------------------------------------------------------------------------------------------------------


def expected_faces(content: dict, fields: Sequence[str]) -> list[dict]:
    """What stands in a file, with these fields of the images, read in the simplest way."""
    faces = []
    for image in content['images']:
        for ann in content['annotations']:
            if ann['image_id'] != image['id']:
                continue
            numbers = ann['keypoints']
            assert len(numbers) == 3 * K and all(type(number) in (int, float) for number in numbers)
            points = np.array([numbers[0::3], numbers[1::3]], np.float64).T
            visible = np.array(numbers[2::3]) > 0
            tight = np.concatenate([points[visible].min(axis=0), points[visible].max(axis=0)])
            face = dict(
                id=ann['id'],
                img_id=image['id'],
                keypoints=points[None],
                raw_ann_info=ann,
                keypoints_visible=visible[None],
                bbox=np.array([ann.get('landmark_box', tight)], float),
            )
            face.update({field: image[field] for field in fields})
            if 'face_box' in ann:
                x, y, width, height = ann['face_box']
                face['face_box'] = np.array([[x, y, x + width, y + height]], float)
            elif 'box_size' in ann and 'center' in ann:
                (x, y), half = ann['center'], ann['box_size'] / 2
                face['face_box'] = np.array([[x - half, y - half, x + half, y + half]], float)
            if 'width' in image and 'height' in image:
                face['image_size'] = (image['width'], image['height'])
            faces.append(face)
    assert len(faces) == len(content['annotations'])
    return faces


def could_be_a_face(face: dict) -> bool:
    """What no reader may let pass: a face that is not in pixels of an image, or far away from it."""
    points = face['keypoints'][face['keypoints_visible']]
    boxes = [face[name].reshape(2, 2) for name in ('bbox', 'face_box') if name in face]
    width, height = face.get('image_size', (32767, 32767))
    return bool(
        all(type(face[name]) is int for name in ('id', 'img_id'))
        and len(points) > 1
        and all(np.isfinite(box).all() and (box[1] > box[0]).all() and (box[1] - box[0]).max() >= 1 for box in boxes)
        and (np.concatenate([points, *boxes]) >= [-width, -height]).all()
        and (np.concatenate([points, *boxes]) <= [2 * width, 2 * height]).all()
        and ((points > -1) & (points < [width, height])).all(axis=1).any()
    )


def check_faces(found: list[dict], expected: list[dict]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert could_be_a_face(other)
        for name, value in other.items():
            if name == 'raw_ann_info':
                assert repr(one[name]) == repr(value)
            elif isinstance(value, np.ndarray):
                np.testing.assert_allclose(one[name], value, rtol=1e-6)
            else:
                assert one[name] == value
        assert ('face_box' in one) == ('face_box' in other) and ('image_size' in one) == ('image_size' in other)


def outcome(path: Path, kind: type) -> str:
    """``'right'`` or ``'error'``; an exception for anything else."""
    kwargs = dict(clip_length=1) if kind is FaceVideoDataset else {}
    kwargs['serialize_data'] = False  # which would collect garbage each time
    try:
        dataset = kind('aflw19', ann_file=str(path), data_prefix=dict(img='images'), test_mode=True, **kwargs)
        found = list(dataset.faces())
    except (ValueError, FileNotFoundError) as error:
        message = str(error)
        assert str(path) in message and '\n' not in message and len(message) < 1000, f'of another form: {message!r}'
        return 'error'
    expected = expected_faces(json.loads(path.read_bytes()), ('video', 'frame') if kind is FaceVideoDataset else ())
    if kind is FaceVideoDataset:  # one video after the other
        videos = list(dict.fromkeys(face['video'] for face in expected))
        expected.sort(key=lambda face: videos.index(face['video']))
    check_faces(found, expected)
    return 'right'


@pytest.mark.parametrize('kind', IMAGES)
def test_the_whole_file_is_read_rightly(kind, tmp_path):
    path = tmp_path / 'faces.json'
    path.write_text(json.dumps(whole_content(IMAGES[kind])))
    assert outcome(path, kind) == 'right'


@pytest.mark.parametrize('kind', IMAGES)
def test_damaged_files_are_read_rightly_or_refused(kind, tmp_path, request, capsys, monkeypatch):
    monkeypatch.setattr('mmfld.datasets.datasets.face_landmark_dataset.print_log', lambda *args, **kwargs: None)
    path = tmp_path / 'faces.json'
    counts = Counter()
    for number in range(LONG if request.config.getoption('--long', False) else SHORT):
        path.write_bytes(fuzzed(number, kind))
        try:
            counts[outcome(path, kind)] += 1
        except Exception as error:
            pytest.fail(f'input {number}: {type(error).__name__}: {error}\n{path.read_bytes()[:20000]!r}')
    with capsys.disabled():
        print(
            f'\n{kind.__name__}: {counts.total()} inputs, {counts["right"]} right, {counts["error"]} errors, silent: 0'
        )
    # the damage must be neither always harmless nor always the same error
    assert min(counts['right'], counts['error']) > counts.total() / 20
