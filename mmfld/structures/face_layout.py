"""Face layouts: the ONE place for landmark counts, flip pairs, boundaries, eye and pupil indices and facial areas.

Everything else takes ``layout='wflw98'``, an own :class:`FaceLayout` or its fields, and asks here. Left and right are
the subject's reading as the annotation schemes number them; all indices are 0-based.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

Indices = tuple[int, ...]


@dataclass(frozen=True)
class Boundary:
    """A curve through landmarks, e.g. an eye lid or the chin contour.

    Args:
        name (str): Unique within a layout.
        indices (tuple[int]): The landmarks on the curve, two or more different ones, in drawing order.
        closed (bool): Whether the last landmark is joined to the first.
    """

    name: str
    indices: Indices
    closed: bool = False


@dataclass(frozen=True)
class FaceLayout:
    """One annotation scheme.

    Args:
        name (str): The value of ``layout=`` arguments.
        num_keypoints (int): K.
        flip_pairs (tuple): Pairs of landmarks that change places when the image is mirrored.
        boundaries (tuple[Boundary]): The E edge maps of STAR and the structured paper, in channel order (as in the STAR
            reference code).
        eye_corners (tuple[int, int], optional): Outer eye corners, the ends of the inter-ocular distance.
        pupils (tuple, optional): For each eye the landmarks whose mean is the pupil; None where none are annotated.
        areas (dict): Name of a facial area -> its landmarks. Every landmark is in exactly one area.
        five_points (tuple, optional): The landmarks whose means are the subject's right eye, left eye, tip of the nose,
            right and left corner of the mouth, by which faces are aligned.

    Raises:
        ValueError: If an index is not one of the K landmarks, a landmark is in two flip pairs or not in exactly one
            area, or two boundaries have the same name. It names the layout, what was found and what was expected.
    """

    name: str
    num_keypoints: int
    flip_pairs: tuple[tuple[int, int], ...]
    boundaries: tuple[Boundary, ...]
    eye_corners: tuple[int, int] | None
    pupils: tuple[Indices, Indices] | None
    areas: dict[str, Indices] = field(hash=False)
    five_points: tuple[Indices, ...] | None = None

    def __post_init__(self) -> None:
        if type(self.num_keypoints) is not int or self.num_keypoints < 1:
            raise self._error('num_keypoints', repr(self.num_keypoints), '1 or more')
        for pair in self.flip_pairs:
            self._check_indices('flip_pairs', pair, count=2)
        paired = Counter(index for pair in self.flip_pairs for index in pair)
        for index, count in paired.items():
            if count > 1:
                pairs = [pair for pair in self.flip_pairs if index in pair]
                raise self._error('flip_pairs', f'landmark {index} in {pairs}', 'each landmark in one pair at most')
        for name, count in Counter(boundary.name for boundary in self.boundaries).items():
            if count > 1:
                raise self._error('boundaries', f'{count} with the name {name!r}', 'different names')
        for boundary in self.boundaries:
            self._check_indices(f'boundaries, {boundary.name!r}', boundary.indices)
        if self.eye_corners is not None:
            self._check_indices('eye_corners', self.eye_corners, count=2)
        if self.pupils is not None:
            if len(self.pupils) != 2:
                raise self._error('pupils', repr(self.pupils), 'landmarks of the two eyes, or None')
            for indices in self.pupils:
                self._check_indices('pupils', indices, least=1)
        if self.five_points is not None:
            if len(self.five_points) != 5:
                raise self._error('five_points', repr(self.five_points), 'landmarks of two eyes, nose and two corners')
            for indices in self.five_points:
                self._check_indices('five_points', indices, least=1)
        for name, indices in self.areas.items():
            self._check_indices(f'areas, {name!r}', indices, least=1)
        areas = Counter(index for indices in self.areas.values() for index in indices)
        for index in range(self.num_keypoints):
            if areas[index] != 1:
                names = [name for name, indices in self.areas.items() if index in indices]
                raise self._error('areas', f'landmark {index} in {names or "none"}', 'each landmark in exactly one')

    def _check_indices(self, where: str, indices: Indices, least: int = 2, count: int | None = None) -> None:
        if not isinstance(indices, tuple) or not all(type(index) is int for index in indices):
            raise self._error(where, repr(indices), 'a tuple of ints')
        if len(indices) < least or len(set(indices)) < len(indices) or count not in (None, len(indices)):
            raise self._error(where, repr(indices), f'{count or f"{least} or more"} different landmarks')
        for index in indices:
            if not 0 <= index < self.num_keypoints:
                raise self._error(where, f'landmark {index}', f'one of 0 to {self.num_keypoints - 1}')

    def _error(self, where: str, found: str, expected: str) -> ValueError:
        return ValueError(f'face layout {self.name!r}, {where}: found {found}, expected {expected}')

    @property
    def num_boundaries(self) -> int:
        return len(self.boundaries)

    @property
    def has_contour(self) -> bool:
        """Whether landmarks follow the outline of the face, so that their box is that of the face."""
        return any(boundary.name == 'contour' for boundary in self.boundaries)

    @cached_property
    def flip_indices(self) -> Indices:
        """``flipped = points[flip_indices]`` puts the landmarks of a mirrored face into order."""
        order = list(range(self.num_keypoints))
        for i, j in self.flip_pairs:
            order[i], order[j] = j, i
        return tuple(order)

    @cached_property
    def boundary_of_keypoint(self) -> np.ndarray:
        """(K, E) float32, 1 where landmark k lies on boundary e."""
        matrix = np.zeros((self.num_keypoints, self.num_boundaries), np.float32)
        for e, boundary in enumerate(self.boundaries):
            matrix[list(boundary.indices), e] = 1
        return matrix

    @cached_property
    def metainfo(self) -> dict:
        """Dataset meta information in the form that ``mmpose.datasets`` parses."""
        swap = dict(self.flip_pairs) | {j: i for i, j in self.flip_pairs}
        colors = {area: _AREA_COLORS[n % len(_AREA_COLORS)] for n, area in enumerate(self.areas)}
        color_of = {k: colors[area] for area, indices in self.areas.items() for k in indices}
        links: dict[int, dict] = {}
        for boundary in self.boundaries:
            ends = boundary.indices[1:] + (boundary.indices[:1] if boundary.closed else ())
            for start, end in zip(boundary.indices, ends):
                links[len(links)] = dict(link=(f'kpt-{start}', f'kpt-{end}'), id=len(links), color=color_of[start])
        return dict(
            dataset_name=self.name,
            paper_info=dict(author='', title='', container='', year='', homepage=''),
            keypoint_info={
                k: dict(name=f'kpt-{k}', id=k, color=color_of[k], type='', swap=f'kpt-{swap[k]}' if k in swap else '')
                for k in range(self.num_keypoints)
            },
            skeleton_info=links,
            joint_weights=[1.0] * self.num_keypoints,
            # only OKS uses them, and it is not a measure of face alignment
            sigmas=[0.025] * self.num_keypoints,
        )


_AREA_COLORS = ([255, 200, 60], [80, 220, 100], [60, 180, 255], [255, 110, 110], [220, 120, 255])


def _range(first: int, last: int) -> Indices:
    return tuple(range(first, last + 1))


def _pairs(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(one), int(other)) for one, other in re.findall(r'(\d+)-(\d+)', text))


def _mirror(last: int, centre: int) -> tuple[tuple[int, int], ...]:
    return tuple((i, last - i) for i in range(centre))


_WFLW98 = FaceLayout(
    name='wflw98',
    num_keypoints=98,
    flip_pairs=_mirror(32, 16)
    + _pairs(
        '33-46 34-45 35-44 36-43 37-42 38-50 39-49 40-48 41-47 60-72 61-71 62-70 63-69 64-68 65-75 66-74 67-73 '
        '55-59 56-58 76-82 77-81 78-80 87-83 86-84 88-92 89-91 95-93 96-97'
    ),
    boundaries=(
        Boundary('contour', _range(0, 32)),
        Boundary('right_eyebrow', _range(33, 41), closed=True),
        Boundary('left_eyebrow', _range(42, 50), closed=True),
        Boundary('nose_bridge', _range(51, 54)),
        Boundary('nose_base', _range(55, 59)),
        Boundary('right_eye', _range(60, 67), closed=True),
        Boundary('left_eye', _range(68, 75), closed=True),
        Boundary('outer_lip', _range(76, 87), closed=True),
        Boundary('inner_lip', _range(88, 95), closed=True),
    ),
    eye_corners=(60, 72),
    pupils=((96,), (97,)),
    areas=dict(
        contour=_range(0, 32),
        eyebrow=_range(33, 50),
        nose=_range(51, 59),
        eye=_range(60, 75) + (96, 97),
        mouth=_range(76, 95),
    ),
    five_points=(_range(60, 67), _range(68, 75), (54,), (76,), (82,)),
)

_300W68 = FaceLayout(
    name='300w68',
    num_keypoints=68,
    flip_pairs=_mirror(16, 8)
    + _pairs(
        '17-26 18-25 19-24 20-23 21-22 31-35 32-34 36-45 37-44 38-43 39-42 40-47 41-46 48-54 49-53 50-52 60-64 '
        '61-63 67-65 58-56 59-55'
    ),
    boundaries=(
        Boundary('contour', _range(0, 16)),
        Boundary('right_eyebrow', _range(17, 21)),
        Boundary('left_eyebrow', _range(22, 26)),
        Boundary('nose_bridge', _range(27, 30)),
        Boundary('nose_base', _range(31, 35)),
        Boundary('right_eye', _range(36, 41), closed=True),
        Boundary('left_eye', _range(42, 47), closed=True),
        Boundary('outer_lip', _range(48, 59), closed=True),
        Boundary('inner_lip', _range(60, 67), closed=True),
    ),
    eye_corners=(36, 45),
    pupils=(_range(36, 41), _range(42, 47)),
    areas=dict(
        contour=_range(0, 16), eyebrow=_range(17, 26), nose=_range(27, 35), eye=_range(36, 47), mouth=_range(48, 67)
    ),
    five_points=(_range(36, 41), _range(42, 47), (30,), (48,), (54,)),
)

_COFW29 = FaceLayout(
    name='cofw29',
    num_keypoints=29,
    flip_pairs=_pairs('0-1 2-3 4-6 5-7 8-9 10-11 12-14 13-15 16-17 18-19 22-23'),
    boundaries=(
        Boundary('right_eyebrow', (0, 4, 2, 5), closed=True),
        Boundary('left_eyebrow', (1, 6, 3, 7), closed=True),
        Boundary('right_eye', (8, 12, 10, 13), closed=True),
        # Open, unlike the other eye: an evident slip of the reference code, kept because its published numbers and
        # checkpoints were trained with it.
        Boundary('left_eye', (9, 14, 11, 15)),
        Boundary('nose', (18, 20, 19, 21), closed=True),
        Boundary('lower_lip', (22, 26, 23, 27), closed=True),
        Boundary('upper_lip', (22, 24, 23, 25), closed=True),
    ),
    eye_corners=(8, 9),
    pupils=((16,), (17,)),
    areas=dict(contour=(28,), eyebrow=_range(0, 7), nose=_range(18, 21), eye=_range(8, 17), mouth=_range(22, 27)),
    five_points=((8, 10, 12, 13), (9, 11, 14, 15), (20,), (22,), (23,)),
)

_AFLW19 = FaceLayout(
    name='aflw19',
    num_keypoints=19,
    flip_pairs=_pairs('0-5 1-4 2-3 6-11 7-10 8-9 12-14 15-17'),
    # no reference draws AFLW boundaries; from the AWing scheme with its right brow completed
    boundaries=(
        Boundary('right_eyebrow', _range(0, 2)),
        Boundary('left_eyebrow', _range(3, 5)),
        Boundary('right_eye', _range(6, 8)),
        Boundary('left_eye', _range(9, 11)),
        Boundary('nose', _range(12, 14)),
        Boundary('mouth', _range(15, 17)),
    ),
    eye_corners=(6, 11),
    pupils=None,
    areas=dict(contour=(18,), eyebrow=_range(0, 5), nose=_range(12, 14), eye=_range(6, 11), mouth=_range(15, 17)),
    five_points=(_range(6, 8), _range(9, 11), (13,), (15,), (17,)),
)

# Subsets that other layouts are converted to (layout_conversion.py); no data set is annotated in them.
_300W49 = FaceLayout(  # 300W without the contour 0-16 and the inner corners of the mouth 60 and 64
    name='300w49',
    num_keypoints=49,
    flip_pairs=_mirror(9, 5)
    + _pairs('14-18 15-17 19-28 20-27 21-26 22-25 23-30 24-29 31-37 32-36 33-35 43-45 48-46 41-39 42-38'),
    boundaries=(
        Boundary('right_eyebrow', _range(0, 4)),
        Boundary('left_eyebrow', _range(5, 9)),
        Boundary('nose_bridge', _range(10, 13)),
        Boundary('nose_base', _range(14, 18)),
        Boundary('right_eye', _range(19, 24), closed=True),
        Boundary('left_eye', _range(25, 30), closed=True),
        Boundary('outer_lip', _range(31, 42), closed=True),
        Boundary('inner_lip', _range(43, 48), closed=True),
    ),
    eye_corners=(19, 28),
    pupils=(_range(19, 24), _range(25, 30)),
    areas=dict(eyebrow=_range(0, 9), nose=_range(10, 18), eye=_range(19, 30), mouth=_range(31, 48)),
    five_points=(_range(19, 24), _range(25, 30), (13,), (31,), (37,)),
)

_COFW25 = FaceLayout(  # COFW without the lower edges of the brows 5 and 7 and the nose wings 18 and 19
    name='cofw25',
    num_keypoints=25,
    flip_pairs=_pairs('0-1 2-3 4-5 6-7 8-9 10-12 11-13 14-15 18-19'),
    boundaries=(
        Boundary('right_eyebrow', (0, 4, 2)),
        Boundary('left_eyebrow', (1, 5, 3)),
        Boundary('right_eye', (6, 10, 8, 11), closed=True),
        Boundary('left_eye', (7, 12, 9, 13), closed=True),
        Boundary('nose', (16, 17)),
        Boundary('lower_lip', (18, 22, 19, 23), closed=True),
        Boundary('upper_lip', (18, 20, 19, 21), closed=True),
    ),
    eye_corners=(6, 7),
    pupils=((14,), (15,)),
    areas=dict(contour=(24,), eyebrow=_range(0, 5), nose=(16, 17), eye=_range(6, 15), mouth=_range(18, 23)),
    five_points=((6, 8, 10, 11), (7, 9, 12, 13), (16,), (18,), (19,)),
)

_SCHEMES = {layout.name: layout for layout in (_WFLW98, _300W68, _COFW29, _AFLW19)}
_LAYOUTS = {**_SCHEMES, **{layout.name: layout for layout in (_300W49, _COFW25)}}


def get_layout(layout: str | FaceLayout | Mapping[str, Any]) -> FaceLayout:
    """Look a layout up by name, or make one of its fields, see :func:`mmfld.structures.own_layout.own_layout`; a
    :class:`FaceLayout` passes through.

    >>> layout = get_layout('300w68')
    >>> layout.num_keypoints, layout.eye_corners, layout.boundaries[0].name
    (68, (36, 45), 'contour')

    Raises:
        KeyError: If no layout has this name; the known names are listed.
        ValueError: If fields make no layout.
    """
    if isinstance(layout, FaceLayout):
        return layout
    if isinstance(layout, Mapping):
        from .own_layout import own_layout

        return own_layout(layout)
    if layout not in _LAYOUTS:
        raise KeyError(f'unknown face layout {layout!r}, expected one of {sorted(_LAYOUTS)}')
    return _LAYOUTS[layout]


def layout_of_counts(num_keypoints: int, num_boundaries: int | None = None) -> FaceLayout:
    """The annotation scheme with so many landmarks and, where it is said, boundaries.

    >>> layout_of_counts(29).name
    'cofw29'

    Raises:
        ValueError: If no scheme has them, or several do; they are named.
    """
    schemes = _SCHEMES.values()
    found = [
        layout
        for layout in schemes
        if layout.num_keypoints == num_keypoints and num_boundaries in (None, layout.num_boundaries)
    ]
    if len(found) == 1:
        return found[0]
    boundaries = num_boundaries is not None
    counts = f'{num_keypoints:g} landmarks' + (f' and {num_boundaries} boundaries' if boundaries else '')
    if found:
        names = ', '.join(layout.name for layout in found)
        raise ValueError(f'found {counts}, which several layouts have: {names}; say by layout which one it is')
    raise ValueError(
        f'found {counts}, expected those of a known layout: '
        + ', '.join(
            f'{layout.name} ({layout.num_keypoints}' + (f' and {layout.num_boundaries})' if boundaries else ')')
            for layout in schemes
        )
    )


def known_layouts() -> tuple[str, ...]:
    """The names that :func:`get_layout` knows."""
    return tuple(_LAYOUTS)


def layout_names() -> tuple[str, ...]:
    """The annotation schemes of data sets; ``layout=`` arguments accept the subsets ``300w49`` and ``cofw25`` as
    well."""
    return tuple(_SCHEMES)
