"""Fields that nothing here reads, but that contradict what is read."""

import pytest


def first(section, **fields):
    return lambda content: content[section][0].update(fields)


@pytest.mark.parametrize(
    'fields, text',
    [
        (dict(num_keypoints=30), 'field "num_keypoints" is not the number of landmarks with v > 0'),
        (dict(area=3.0), 'field "area" is not that of something in the "bbox"'),
        (dict(area=1e6), 'field "area" is not that of something in the "bbox"'),
        (
            dict(bbox=[0.0, 0.0, 9.0, 9.0], area=81.0),
            'field "bbox" as [x, y, w, h] holds less than half of the landmarks',
        ),
        (dict(bbox=[5.0, 5.0, -9.0, 9.0]), 'field "bbox" as [x, y, w, h] holds less than half of the landmarks'),
        (dict(category_id=7), 'field "category_id" is of no entry of "categories"'),
    ],
)
def test_a_field_of_an_annotation_that_contradicts_is_found(faces, errors, warnings, fields, text):
    faces.change(first('annotations', **fields))
    found = faces.examine('train')
    assert errors(found) == []
    (warning,) = warnings(found)
    assert text in warning and 'in 1 of 12 annotations: 1' in warning


@pytest.mark.parametrize(
    'names, text',
    [
        ([f'point {index}' for index in range(98)], 'found 98 names, expected 68 of layout 300w68, or none'),
        ([f'point {index}' for index in reversed(range(68))], 'found names whose numbers are not in order: point 67, '),
    ],
)
def test_categories_of_other_landmarks_are_found(faces, warnings, names, text):
    faces.change(first('categories', keypoints=names))
    (warning,) = warnings(faces.examine('train'))
    assert 'category 1, field "keypoints": ' in warning and text in warning


@pytest.mark.parametrize(
    'names',
    [
        [],
        [f'kpt-{index}' for index in range(68)],
        [f'{index + 1}' for index in range(68)],
        ['eye'] * 68,
        [f'{side} eye 1' for side in ('left', 'right')] * 34,
    ],
)
def test_names_of_landmarks_that_do_not_contradict_are_fine(faces, warnings, names):
    faces.change(first('categories', keypoints=names))
    assert warnings(faces.examine('train')) == []


def test_an_annotation_that_stands_twice_is_found(faces, warnings):
    faces.change(lambda content: content['annotations'].append(dict(content['annotations'][2], id=99)))
    (warning,) = warnings(faces.examine('train'))
    assert 'the same landmarks in the same image stand in another annotation as well' in warning
    assert warning.endswith('in 2 of 13 annotations: 3, 99')


def test_licenses_that_are_not_there_or_twice_are_found(faces, warnings):
    def change(content):
        content['licenses'] = [dict(id=1, name='one'), dict(id=1, name='other')]
        content['images'][3]['license'] = 4

    faces.change(change)
    twice, unknown = warnings(faces.examine('train'))
    assert 'field "licenses": found ids several times: 1' in twice
    assert 'field "license" is of no entry of "licenses" in 1 of 12 images: 4' in unknown


def test_licenses_that_fit_are_fine(faces, warnings):
    def change(content):
        content['licenses'] = [dict(id=1, name='one')]
        content['images'][3]['license'] = 1

    faces.change(change)
    assert warnings(faces.examine('train')) == []
