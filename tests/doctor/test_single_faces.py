"""Single faces among good ones whose landmarks are wrong are named, and no others."""

import cv2
import numpy as np
import pytest

from mmfld.doctor import placement
from mmfld.doctor.parts import parts_of_files
from mmfld.doctor.shapes import fit, usual_shape
from mmfld.structures import get_layout

LAYOUT = get_layout('300w68')
ODD = slice(4, 5)  # the annotation with id 5


def around_middle(points, turn):
    """Points turned (by a complex number) around their middle."""
    z = np.array(points)[:, :2] @ (1, 1j)
    z = (z - z.mean()) * turn + z.mean()
    return [[x, y, 1] for x, y in zip(z.real.tolist(), z.imag.tolist())]


def test_a_similarity_is_found_as_it_was_made():
    shape = np.array([0, 4, 4 + 2j, 2 + 5j]) - (2.5 + 1.75j)
    found = fit((3 + 1j + 2j * shape)[None], np.ones((1, 4), bool), shape)
    assert found.residual[0] == pytest.approx(0, abs=1e-6) and found.turn[0] == pytest.approx(90)
    assert found.center[0] == pytest.approx(3 + 1j) and found.scale[0] == pytest.approx(2j)
    assert found.aligned[0] == pytest.approx(shape)


def test_landmarks_that_are_not_annotated_do_not_change_a_fit():
    shape = np.array([0, 4, 4 + 2j, 2 + 5j, 1 + 1j])
    seen = np.array([[1, 1, 0, 1, 1]], bool)
    points = 2 * shape[None] + 7
    points[0, 2] = np.nan
    points = np.where(seen, points, 1e6)
    found = fit(points, seen, shape)
    assert found.residual[0] == pytest.approx(0, abs=1e-6)
    assert found.center[0] == pytest.approx(7) and found.scale[0] == pytest.approx(2)


def test_one_odd_face_does_not_change_the_usual_shape():
    shape = np.array([-2 - 1j, 2 - 1j, 0, 2j])
    faces = np.stack([(1 + 1j) * shape + 5] * 6 + [shape[::-1]])
    found = fit(usual_shape(faces, np.ones(faces.shape, bool))[None], np.ones((1, 4), bool), shape)
    assert found.residual[0] < 1e-6


def test_reversed_landmarks_of_one_face_are_found(faces, errors, warnings):
    faces.change_points(lambda points: points[::-1], faces=ODD)
    found = faces.examine('train')
    assert errors(found) == []
    assert any(
        'the landmarks are in reversed order in 1 of 12 faces: annotations 5' in text for text in warnings(found)
    )


def test_landmarks_of_one_face_in_any_other_order_are_found(faces, warnings):
    order = np.random.default_rng(0).permutation(68)
    faces.change_points(lambda points: [points[index] for index in order], faces=ODD)
    assert any(
        'the landmarks lie unlike those of all others in 1 of 12 faces: annotations 5' in text
        for text in warnings(faces.examine('train'))
    )


def test_a_mirrored_face_whose_sides_are_not_exchanged_is_found_once(faces, warnings):
    faces.change_points(lambda points: [[127 - x, y, v] for x, y, v in points], faces=ODD)
    (warning,) = warnings(faces.examine('train'))
    assert 'left and right are exchanged in 1 of 12 faces: annotations 5' in warning


@pytest.mark.parametrize('degrees', [90, 180, -90])
def test_landmarks_that_are_turned_are_found(faces, warnings, degrees):
    faces.change_points(lambda points: around_middle(points, np.exp(1j * np.radians(degrees))), faces=ODD)
    (warning,) = warnings(faces.examine('train'))
    assert 'turned against the others, by ' in warning and 'in 1 of 12 faces: annotations 5' in warning
    assert float(warning.split('others, by ')[1].split()[0]) == pytest.approx(abs(degrees), abs=30)


def test_too_few_faces_to_say_what_is_usual_are_said_to_be(faces, notes):
    def few(content):
        del content['annotations'][7:]

    faces.change(few)
    assert any(
        'not looked for: faces whose landmarks are unlike the others' in text for text in notes(faces.examine('train'))
    )


@pytest.fixture
def many(faces, monkeypatch):
    """60 faces: those of 12 images, five times."""

    def repeat(content):
        for name in ('images', 'annotations'):
            content[name] = [
                dict(
                    one,
                    id=one['id'] + 1000 * turn,
                    **(dict(image_id=one['image_id'] + 1000 * turn) if 'image_id' in one else {}),
                )
                for turn in range(5)
                for one in content[name]
            ]

    faces.change(repeat)
    monkeypatch.setattr(placement, 'FEWEST', 60)
    return faces


def beside(findings):
    return [finding for finding in findings if 'seem to lie beside the face' in finding.message]


@pytest.mark.parametrize(
    'wrong',
    [lambda points: [[x + 20, y - 15, v] for x, y, v in points], lambda points: around_middle(points, np.exp(0.6j))],
    ids=['shifted', 'turned by 34 degrees'],
)
def test_landmarks_beside_the_face_look_least_like_those_of_the_others(many, wrong):
    many.change_points(wrong, faces=ODD)
    (part,) = parts_of_files([str(many.file('train'))])
    found = placement.scores(list(part.faces()))
    assert found.argmin() == 4 and found[4] < -0.8 and np.median(found) > 0.2


def test_landmarks_that_are_upside_down_are_found_in_the_picture(many):
    many.change_points(lambda points: around_middle(points, -1), faces=ODD)
    (finding,) = beside(many.examine('train'))
    assert finding.severity == 'warning'
    assert 'in 1 of 60 faces: annotations 5 (the first: ' in finding.message and '000004.jpg' in finding.message


def test_landmarks_on_the_face_are_not_named(many):
    (finding,) = beside(many.examine('train'))
    assert finding.severity == 'note' and finding.message.endswith('in none of 60 faces')


def test_all_faces_are_judged_or_their_number_is_said(many, notes, monkeypatch):
    monkeypatch.setattr(placement, 'MOST', 40)
    assert any('the first 40 of 60 faces' in text for text in notes(many.examine('train')))


def test_a_face_of_which_one_landmark_is_annotated_is_left_out(many, errors, warnings, monkeypatch):
    monkeypatch.setattr(placement, 'FEWEST', 59)
    many.change_points(lambda points: [[x, y, int(n == 30)] for n, (x, y, _) in enumerate(points)], faces=ODD)
    many.change(
        lambda content: content['annotations'][4].update(landmark_box=[20.0, 20.0, 110.0, 110.0], num_keypoints=1)
    )
    found = many.examine('train')
    assert errors(found) == [] and warnings(found) == []
    assert any(finding.message.endswith('in none of 59 faces') for finding in beside(found))


def test_places_are_not_judged_from_a_few_faces(faces, notes):
    assert any('which needs 200 faces' in text for text in notes(faces.examine('train')))


@pytest.mark.parametrize('grey', [0, 128])
def test_pictures_of_one_colour_are_found(faces, errors, warnings, grey):
    cv2.imwrite(str(faces.image('train', 4)), np.full((128, 128, 3), grey, np.uint8))
    found = faces.examine('train')
    assert errors(found) == []
    assert any('1 of 12 images are of one colour: ' in text and 'train_000004.jpg' in text for text in warnings(found))
