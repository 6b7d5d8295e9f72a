"""Annotation schemes of one's own, from plain values and from files of MMPose."""

import json

import numpy as np
import pytest
from mmengine.config import ConfigDict

from mmfld.evaluation import FaceAlignmentMetric
from mmfld.evaluation.functional import inter_ocular
from mmfld.structures import get_layout
from mmfld.structures.own_layout import fields_of

FIELDS = dict(
    name='own5',
    num_keypoints=5,
    flip_pairs=[[0, 1], [3, 4]],
    eye_corners=[0, 1],
    boundaries=[dict(name='mouth', indices=[3, 4])],
)
LAYOUTS = ('wflw98', '300w68', 'cofw29', 'aflw19', '300w49', 'cofw25')


def test_fields_make_a_layout():
    layout = get_layout(FIELDS)
    assert (layout.name, layout.num_keypoints, layout.eye_corners) == ('own5', 5, (0, 1))
    assert layout.flip_indices == (1, 0, 2, 4, 3)
    assert layout.boundaries[0].indices == (3, 4) and not layout.boundaries[0].closed
    assert layout.areas == dict(face=(0, 1, 2, 3, 4)) and layout.pupils is None
    assert get_layout(ConfigDict(FIELDS)) == layout


def test_what_is_optional():
    layout = get_layout(dict(name='points', num_keypoints=3))
    assert layout.flip_indices == (0, 1, 2) and layout.num_boundaries == 0 and layout.eye_corners is None
    assert set(layout.metainfo['keypoint_info']) == {0, 1, 2}


@pytest.mark.parametrize('name', LAYOUTS)
def test_fields_of_a_layout_make_it_again(name):
    layout = get_layout(name)
    assert get_layout(json.loads(json.dumps(fields_of(layout)))) == layout


@pytest.mark.parametrize(
    'change, message',
    [
        (
            dict(num_points=5),
            "face layout 'own5': found the unknown field 'num_points', expected name, num_keypoints and",
        ),
        (dict(name=None), 'face layout None: found name=None, expected a word'),
        (dict(name='300w68'), "face layout '300w68': found other fields than those of the layout that has this name"),
        (dict(flip_pairs=[[0, 5]]), "face layout 'own5', flip_pairs: found landmark 5, expected one of 0 to 4"),
        (dict(flip_pairs=[0, 1]), "face layout 'own5': found values of another form"),
        (dict(flip_pairs=[[0, 1.5]]), "face layout 'own5', flip_pairs: found .*1.5.* expected a tuple of ints"),
        (dict(boundaries=[[3, 4]]), "face layout 'own5': found values of another form"),
        (dict(boundaries=[dict(name='mouth')]), "face layout 'own5': found values of another form .'indices'"),
        (dict(eye_corners=[0]), "face layout 'own5', eye_corners: found"),
        (dict(areas=dict(eyes=[0, 1])), "face layout 'own5', areas: found landmark 2 in none"),
        (dict(num_keypoints='5'), "face layout 'own5'"),
    ],
)
def test_wrong_fields_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        get_layout({**FIELDS, **change})


def test_a_missing_field_is_named():
    with pytest.raises(ValueError, match='found no num_keypoints, expected name, num_keypoints and perhaps flip_pairs'):
        get_layout(dict(name='own5'))


def test_a_file_of_mmpose_tells_number_and_pairs(tmp_path):
    layout = get_layout('cofw29')
    path = tmp_path / 'meta.py'
    path.write_text(f'dataset_info = {dict(layout.metainfo, dataset_name="cofw")!r}\n')
    found = get_layout(dict(from_file=str(path), name='mine', eye_corners=[8, 9]))
    assert (found.name, found.num_keypoints, found.eye_corners) == ('mine', 29, (8, 9))
    assert found.flip_indices == layout.flip_indices
    assert get_layout(dict(from_file=str(path))).name == 'cofw'


def test_without_eyes_errors_are_measured_by_the_box():
    fields = {name: value for name, value in FIELDS.items() if name != 'eye_corners'}
    with pytest.raises(ValueError, match="'inter_ocular' needs eye corners, but layout 'own5' annotates none: box"):
        FaceAlignmentMetric(fields, norm='inter_ocular')
    with pytest.raises(ValueError, match="layout 'own5' annotates no eye corners"):
        inter_ocular(np.zeros((1, 5, 2)), np.ones((1, 5), bool), get_layout(fields))
    FaceAlignmentMetric(fields, norm='box')
