"""Points that lie beside where they belong, by the symmetry of faces."""

import cv2
import numpy as np
import pytest

from mmfld.doctor import registration
from mmfld.doctor.parts import parts_of_files
from mmfld.structures import get_layout

LAYOUT = get_layout('300w68')


@pytest.fixture
def symmetric(faces):
    """Function of a shift to the right: a data set that holds each face mirrored as well, so that it has no side."""

    def make(shift: float):
        def mirrored(content):
            for image, annotation in zip(list(content['images']), list(content['annotations'])):
                points = np.array(annotation['keypoints']).reshape(-1, 3)[list(LAYOUT.flip_indices)]
                points[:, 0] = 127 - points[:, 0]
                name = f'mirrored_{image["file_name"]}'
                picture = cv2.imread(str(faces.root / 'images' / image['file_name']))
                cv2.imwrite(str(faces.root / 'images' / name), picture[:, ::-1])
                content['images'].append(dict(image, id=image['id'] + 100, file_name=name))
                content['annotations'].append(
                    dict(
                        annotation,
                        id=annotation['id'] + 100,
                        image_id=image['id'] + 100,
                        keypoints=points.ravel().tolist(),
                    )
                )

        faces.change(mirrored)
        faces.change_points(lambda points: [[x + shift, y, v] for x, y, v in points])
        (part,) = parts_of_files([str(faces.file('train'))])
        return part

    return make


@pytest.mark.parametrize('shift', [0.0, 2.0])
def test_symmetry_tells_by_how_much_points_lie_too_far_to_the_right(symmetric, shift):
    part = symmetric(shift)
    count, found = registration.shifts_to_right(list(part.faces()), LAYOUT.flip_indices)['all']
    assert count == 24 and np.isfinite(found).sum() > 20
    assert np.nanmedian(found) == pytest.approx(shift, abs=0.1)


def test_a_shift_is_a_warning_with_the_offset_that_undoes_it(symmetric, monkeypatch):
    monkeypatch.setattr(registration, 'FEWEST', 24)
    part = symmetric(2.0)
    (finding,) = registration._by_symmetry('train', list(part.faces()), LAYOUT, np.array([0.5, -1.0]))
    assert finding.severity == 'warning' and 'points lie 2.0 pixels too far to the right' in finding.message
    assert '"keypoint_offset=(-1.5,-1.0)"' in finding.advice


def test_few_faces_are_not_measured(symmetric, notes):
    found = notes(list(registration.look_at_registration(symmetric(2.0), lambda path: True)))
    assert any(text.endswith('which needs 50 faces and not 24') for text in found)
