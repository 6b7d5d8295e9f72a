"""Tiny data sets in the official formats of the converters, with one file that is to be damaged.

A set says what is right: the faces of the intact files, and how those of the damaged file read if it still is such a
file. That reading is as plain as can be and shares no code with the converters' parsers, but for the libraries that
read ``.mat`` files.
"""

import importlib
import io
import json
import re
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from PIL import Image
from scipy.io import savemat

WIDTH, HEIGHT = 60, 40


class Face(NamedTuple):
    """An image, by its name, and (K, 2) landmarks in it."""

    image: str
    points: np.ndarray

    def is_like(self, other: 'Face') -> bool:
        return (
            self.image == other.image
            and self.points.shape == other.points.shape
            and np.allclose(self.points, other.points, rtol=0, atol=1e-5)
        )


@dataclass
class TinySet:
    """A data set on disk.

    Args:
        argv (list[str]): Of the converter, without ``--out``.
        damaged (Path): The file that is to be damaged.
        intact (list[Face]): Those that do not depend on it.
        faces (list[Face]): Those that do.
        read (Callable): Content of the damaged file -> faces that it holds, as far as it can be read.
    """

    argv: list[str]
    damaged: Path
    intact: list[Face]
    faces: list[Face]
    read: Callable[[bytes], list[Face]]


class Outcome(NamedTuple):
    """What a converter has done: exit status, the faces of all json files with (width, height), what it printed."""

    status: int
    faces: list[tuple[Face, tuple[int, int]]]
    printed: str


def convert(converter: str, data: TinySet, out: Path) -> Outcome:
    """Run a converter, by the name of its module, in this process."""
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        status = importlib.import_module(converter).main([*data.argv, '--out', str(out)])
    faces = []
    for path in sorted((out / 'annotations').glob('*.json')):
        content = json.loads(path.read_text())
        images = {image['id']: image for image in content['images']}
        for ann in content['annotations']:
            image = images[ann['image_id']]
            points = np.reshape(ann['keypoints'], (-1, 3))[:, :2]
            faces.append((Face(image['file_name'], points), (image['width'], image['height'])))
    return Outcome(status, faces, printed.getvalue())


def points(seed: int, number: int) -> np.ndarray:
    """(K, 2) within the image, counted from 0."""
    return np.random.default_rng(seed).uniform((8, 5), (50, 35), (number, 2)).round(3)


def write_image(path: Path, seed: int, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)


def write_pts(path: Path, values: np.ndarray) -> None:
    lines = [f'{x:.3f} {y:.3f}' for x, y in values + 1]
    path.write_text('\n'.join(['version: 1', f'n_points: {len(values)}', '{', *lines, '}', '']))


def _floats(text: str) -> list[float]:
    return [float(number) for number in text.split()]


# ---- 300W: .pts files beside images --------------------------------------------------------------------------------


def make_300w(folder: Path, suffix: str = '.jpg', **options) -> tuple[list[Face], Path]:
    """Three faces, the second with an image of the given kind; returns them and the path of the second ``.pts``."""
    faces = []
    for seed, name in enumerate(('afw/a.jpg', f'afw/b{suffix}', 'ibug/c.png')):
        write_image(folder / 'src' / name, seed, **(options if seed == 1 else {}))
        faces.append(Face(name, points(seed, 68)))
        write_pts((folder / 'src' / name).with_suffix('.pts'), faces[-1].points)
    return faces, folder / 'src/afw/b.pts'


def make_pts(folder: Path) -> TinySet:
    faces, damaged = make_300w(folder)

    def read(content: bytes) -> list[Face]:
        body = re.search(rb'\{(.*?)\}', content, re.S)
        return [Face('afw/b.jpg', np.reshape(_floats(body[1].decode()), (68, 2)) - 1)]

    return TinySet([str(folder / 'src')], damaged, faces[::2], faces[1:2], read)


def make_image(suffix: str, **options) -> Callable[[Path], TinySet]:

    def make(folder: Path) -> TinySet:
        faces, path = make_300w(folder, suffix, **options)
        return TinySet([str(folder / 'src')], path.with_suffix(suffix), faces[::2], faces[1:2], lambda content: [])

    return make


# ---- WFLW: a list --------------------------------------------------------------------------------------------------


def make_wflw(folder: Path) -> TinySet:
    root, path = folder / 'src/WFLW_images', folder / 'src/list_98pt_rect_attr_train_test/list_98pt_rect_attr_train.txt'
    path.parent.mkdir(parents=True)
    faces = [Face(name, points(seed, 98)) for seed, name in enumerate(('0/a.jpg', '0/a.jpg', '1/b.jpg', '1/c.jpg'))]
    for seed, name in enumerate(sorted({face.image for face in faces})):
        write_image(root / name, seed)
    path.write_text(
        ''.join(
            ' '.join([*(f'{value:.6f}' for value in face.points.ravel()), '9 4 51 36 0 1 0 0 0 1', face.image]) + '\n'
            for face in faces
        )
    )

    def read(content: bytes) -> list[Face]:
        found = []
        for line in content.removeprefix(b'\xef\xbb\xbf').splitlines():
            try:
                numbers, name = line.decode().split()[:196], line.decode().split()[-1]
                found.append(Face(name, np.reshape(_floats(' '.join(numbers)), (98, 2))))
            except (ValueError, IndexError):
                pass
        return found

    return TinySet([str(folder / 'src')], path, [], faces, read)


# ---- .mat files ----------------------------------------------------------------------------------------------------


def as_cells(texts: Sequence[str]) -> np.ndarray:
    cells = np.empty((len(texts), 1), object)
    cells[:, 0] = texts
    return cells


def make_aflw(compressed: bool) -> Callable[[Path], TinySet]:

    def make(folder: Path) -> TinySet:
        path = folder / 'AFLWinfo_release.mat'
        faces = [Face(f'{part}/{part}.jpg', points(part, 19)) for part in (0, 2, 3)]
        for seed, face in enumerate(faces):
            write_image(folder / 'flickr' / face.image, seed)
        savemat(
            path,
            dict(
                nameList=as_cells([face.image for face in faces]),
                data=np.stack([f.points.T.ravel() for f in faces]),
                bbox=np.tile([5.0, 55.0, 4.0, 36.0], (3, 1)),
                mask_new=np.ones((3, 19)),
                ra=np.array([[2, 1, 3]], np.uint16),
            ),
            do_compression=compressed,
        )

        def read(content: bytes) -> list[Face]:
            found = importlib.import_module('mmfld.conversion.mat_files').load_mat(path, ['nameList', 'data'])
            return [
                Face(str(np.ravel(name)[0]), row.reshape(2, 19).T)
                for name, row in zip(found['nameList'].ravel(), found['data'].astype(float))
            ]

        return TinySet([str(path), str(folder / 'flickr')], path, [], faces, read)

    return make


def make_300w_lp(folder: Path) -> TinySet:
    faces = [Face(f'AFW/AFW_{seed}_0.jpg', points(seed, 68)) for seed in range(3)]
    (folder / 'src/landmarks/AFW').mkdir(parents=True)
    for seed, face in enumerate(faces):
        write_image(folder / 'src' / face.image, seed)
        savemat(folder / f'src/landmarks/AFW/AFW_{seed}_0_pts.mat', dict(pts_2d=face.points + 1, pts_3d=face.points))
    path = folder / 'src/landmarks/AFW/AFW_1_0_pts.mat'

    def read(content: bytes) -> list[Face]:
        found = importlib.import_module('mmfld.conversion.mat_files').load_mat(path, ['pts_2d'])['pts_2d']
        return [Face(faces[1].image, found.astype(float) - 1)]

    return TinySet([str(folder / 'src')], path, faces[::2], faces[1:2], read)


def make_cofw(folder: Path) -> TinySet:
    """v7.3, that is HDF5, with one face in a small image."""
    path = folder / 'src/COFW_train_color.mat'
    path.parent.mkdir(parents=True)
    faces = [Face(f'{seed + 1:06d}.png', points(seed, 29)) for seed in range(2)]
    with h5py.File(path, 'w', userblock_size=512) as file:
        cells = file.create_dataset('IsTr', (1, 2), dtype=h5py.ref_dtype)
        cells[0] = [
            file.create_dataset(
                f'#refs#/{n}', data=np.full((WIDTH, HEIGHT), n, np.uint8), compression='gzip', fletcher32=True
            ).ref
            for n in range(2)
        ]
        file['phisTr'] = np.array([[*(face.points + 1).T.ravel(), *[0.0] * 29] for face in faces]).T
        file['bboxesTr'] = np.tile([9.0, 4, 42, 32], (2, 1)).T

    def read(content: bytes) -> list[Face]:
        found = importlib.import_module('mmfld.conversion.mat_files').load_mat73(path, ['phisTr'])['phisTr']
        return [Face(face.image, row[:58].reshape(2, 29).T - 1) for face, row in zip(faces, found)]

    return TinySet([str(path.parent)], path, [], faces, read)
