"""Face layouts: index tables against the reference, and what must hold in any layout."""

import dataclasses
import re

import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from mmfld.structures import Boundary, FaceLayout, face_layout, get_layout, layout_names, layout_of_counts

GOLDEN = {'wflw98': 'WFLW', '300w68': '300W', 'cofw29': 'COFW'}
SUBSETS = ('300w49', 'cofw25')
# number of landmarks, number of boundaries, landmarks on no boundary (STAR reference code for the schemes)
NUMBERS = {
    'wflw98': (98, 9, {96, 97}),
    '300w68': (68, 9, set()),
    'cofw29': (29, 7, {16, 17, 28}),
    'aflw19': (19, 6, {18}),
    '300w49': (49, 8, set()),
    'cofw25': (25, 7, {14, 15, 24}),
}


@pytest.fixture(params=layout_names() + SUBSETS)
def layout(request) -> FaceLayout:
    return get_layout(request.param)


def segments(boundary: Boundary) -> set:
    """The undirected pieces of a curve."""
    ends = boundary.indices[1:] + (boundary.indices[:1] if boundary.closed else ())
    return {frozenset(pair) for pair in zip(boundary.indices, ends)}


def test_layout_names():
    assert set(layout_names()) == set(NUMBERS) - set(SUBSETS)


@pytest.mark.parametrize('name', layout_names())
def test_a_scheme_is_found_by_its_counts(name):
    layout = get_layout(name)
    assert layout_of_counts(layout.num_keypoints) is layout
    assert layout_of_counts(layout.num_keypoints, layout.num_boundaries) is layout


def test_several_schemes_with_as_many_landmarks_are_an_error_that_names_them(monkeypatch):
    other = dataclasses.replace(get_layout('300w68'), name='other68', boundaries=())
    monkeypatch.setitem(face_layout._SCHEMES, 'other68', other)
    message = 'found 68 landmarks, which several layouts have: 300w68, other68; say by layout which one it is'
    with pytest.raises(ValueError, match=re.escape(message)):
        layout_of_counts(68)
    assert layout_of_counts(68, 0) is other  # the boundaries tell them apart


def test_counts_of_no_scheme_are_an_error_that_names_all():
    message = 'found 28.5 landmarks, expected those of a known layout: wflw98 (98), 300w68 (68), '
    with pytest.raises(ValueError, match=re.escape(message)):
        layout_of_counts(28.5)


def test_numbers(layout):
    keypoints, boundaries, _ = NUMBERS[layout.name]
    assert (layout.num_keypoints, layout.num_boundaries) == (keypoints, boundaries)


@pytest.mark.parametrize('name', GOLDEN)
def test_flip_indices_equal_the_reference(golden_dir, name):
    expected = np.load(golden_dir / 'geometry.npz')[f'perm_{GOLDEN[name]}']
    assert list(get_layout(name).flip_indices) == expected.tolist()


def test_flip_pairs_of_aflw():
    assert get_layout('aflw19').flip_indices == (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 14, 13, 12, 17, 16, 15, 18)


def test_flip_twice_is_no_flip(layout):
    order = np.array(layout.flip_indices)
    assert (order[order] == np.arange(layout.num_keypoints)).all()


def test_no_landmark_is_in_two_flip_pairs(layout):
    paired = [index for pair in layout.flip_pairs for index in pair]
    assert len(paired) == len(set(paired))


def test_each_landmark_is_in_one_area(layout):
    assert sorted(index for area in layout.areas.values() for index in area) == list(range(layout.num_keypoints))


def test_areas_are_symmetric(layout):
    for area in layout.areas.values():
        assert {layout.flip_indices[index] for index in area} == set(area)


def test_mirrored_boundaries_are_boundaries(layout):
    # closed, where the reference leaves COFW's left eye open; see the next test
    boundaries = [
        dataclasses.replace(b, closed=b.closed or 'cofw29 left_eye' == f'{layout.name} {b.name}')
        for b in layout.boundaries
    ]
    mirrored = [dataclasses.replace(b, indices=tuple(layout.flip_indices[i] for i in b.indices)) for b in boundaries]
    assert {frozenset(segments(b)) for b in mirrored} == {frozenset(segments(b)) for b in boundaries}


def test_left_eye_of_cofw_is_open_as_in_the_reference():
    closed = {boundary.name: boundary.closed for boundary in get_layout('cofw29').boundaries}
    assert (closed['left_eye'], closed['right_eye']) == (False, True)


def test_only_these_landmarks_are_on_no_boundary(layout):
    assert set(np.flatnonzero(layout.boundary_of_keypoint.sum(1) == 0)) == NUMBERS[layout.name][2]


def test_landmarks_of_cofw_on_two_boundaries():
    assert set(np.flatnonzero(get_layout('cofw29').boundary_of_keypoint.sum(1) == 2)) == {22, 23}


def test_boundary_of_keypoint_counts_the_landmarks_of_each_boundary(layout):
    assert layout.boundary_of_keypoint.sum(0).tolist() == [len(b.indices) for b in layout.boundaries]


def test_eye_corners_are_a_flip_pair(layout):
    first, second = layout.eye_corners
    assert layout.flip_indices[first] == second


@pytest.mark.parametrize('name', ('wflw98', '300w68', 'cofw29', *SUBSETS))
def test_pupils_mirror_each_other(name):
    layout = get_layout(name)
    first, second = layout.pupils
    assert {layout.flip_indices[index] for index in first} == set(second)


def test_mmpose_reads_the_flip_order(layout):
    assert tuple(parse_pose_metainfo(layout.metainfo)['flip_indices']) == layout.flip_indices


def test_mmpose_reads_the_boundaries_as_skeleton(layout):
    parsed = parse_pose_metainfo(layout.metainfo)
    expected = [segment for boundary in layout.boundaries for segment in segments(boundary)]
    assert sorted(map(sorted, parsed['skeleton_links'])) == sorted(map(sorted, expected))


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(KeyError, match="unknown face layout 'wflw', expected one of .*'wflw98'"):
        get_layout('wflw')


def test_own_layout_passes_through():
    own = dataclasses.replace(get_layout('aflw19'), name='own')
    assert get_layout(own) is own


# what is changed in AFLW's layout of 19 landmarks, and what the message must contain
WRONG = {
    'a landmark in two flip pairs': (dict(flip_pairs=((0, 5), (1, 5))), ['flip_pairs', 'landmark 5', '(0, 5), (1, 5)']),
    'a pair out of range': (dict(flip_pairs=((0, 19),)), ['flip_pairs', 'landmark 19', 'one of 0 to 18']),
    'a negative index': (dict(flip_pairs=((-1, 2),)), ['flip_pairs', 'landmark -1', 'one of 0 to 18']),
    'a landmark with itself': (dict(flip_pairs=((3, 3),)), ['flip_pairs', '(3, 3)', '2 different landmarks']),
    'a pair of three': (dict(flip_pairs=((0, 1, 2),)), ['flip_pairs', '(0, 1, 2)', '2 different landmarks']),
    'a pair that is a list': (dict(flip_pairs=([0, 1],)), ['flip_pairs', '[0, 1]', 'a tuple of ints']),
    'a pair of floats': (dict(flip_pairs=((0.0, 1.0),)), ['flip_pairs', '(0.0, 1.0)', 'a tuple of ints']),
    'two boundaries of one name': (
        dict(boundaries=(Boundary('lip', (0, 1)), Boundary('lip', (2, 3)))),
        ['boundaries', "2 with the name 'lip'", 'different names'],
    ),
    'a boundary out of range': (dict(boundaries=(Boundary('lip', (0, 19)),)), ["'lip'", 'landmark 19', '0 to 18']),
    'a boundary through a landmark twice': (dict(boundaries=(Boundary('lip', (0, 1, 0)),)), ["'lip'", '(0, 1, 0)']),
    'a boundary of one landmark': (dict(boundaries=(Boundary('lip', (4,)),)), ["'lip'", '(4,)', '2 or more']),
    'eye corners out of range': (dict(eye_corners=(6, 20)), ['eye_corners', 'landmark 20']),
    'one eye corner': (dict(eye_corners=(6, 6)), ['eye_corners', '(6, 6)', '2 different']),
    'pupils out of range': (dict(pupils=((6,), (30,))), ['pupils', 'landmark 30']),
    'one pupil': (dict(pupils=((6,),)), ['pupils', '((6,),)', 'two eyes']),
    'a landmark in no area': (dict(areas=dict(face=tuple(range(18)))), ['areas', 'landmark 18 in none']),
    'a landmark in two areas': (
        dict(areas=dict(face=tuple(range(19)), chin=(18,))),
        ['areas', "landmark 18 in ['face', 'chin']"],
    ),
    'no landmarks': (dict(num_keypoints=0), ['num_keypoints', 'found 0', '1 or more']),
}


@pytest.mark.parametrize('name', WRONG)
def test_a_layout_that_is_wrong_is_an_error_in_one_sentence(name):
    change, expected = WRONG[name]
    with pytest.raises(ValueError) as error:
        dataclasses.replace(get_layout('aflw19'), name='own', **change)
    for part in ["face layout 'own'", *expected]:
        assert part in str(error.value)
