"""The study of quantisation errors on a few drawn faces: what it reads, what it measures, what it writes."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from mmfld.synthetic import SyntheticFaceGenerator

RUN = Path(__file__).parents[2] / 'projects' / 'quantisation_error' / 'run.py'


@pytest.fixture(scope='module')
def study():
    spec = importlib.util.spec_from_file_location('quantisation_error', RUN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def faces() -> list:
    generator = SyntheticFaceGenerator(seed=0)
    return [generator[n].keypoints for n in range(4)]


@pytest.fixture(scope='module')
def lists(faces, tmp_path_factory) -> Path:
    """The official lists with four faces; one of WFLW stands on two of them."""
    folder = tmp_path_factory.mktemp('lists')
    header = ['image_name', 'scale', 'center_w', 'center_h']
    header += [f'original_{k}_{axis}' for k in range(68) for axis in 'xy']
    rows = [['a.jpg', '1', '0', '0', *map(str, face['300w68'].ravel())] for face in faces]
    for split in ('valid', 'test'):
        (folder / f'face_landmarks_300w_{split}.csv').write_text('\n'.join(map(','.join, [header] + rows)) + '\n')
    lines = [' '.join([*map(str, face['wflw98'].ravel()), 'a/b.jpg']) for face in faces]
    (folder / 'list_98pt_test_blur.txt').write_text('\n'.join(lines[:2]) + '\n')
    (folder / 'list_98pt_test_makeup.txt').write_text('\n'.join(lines[1:]) + '\n')
    return folder


@pytest.fixture(scope='module')
def more_lists(faces, tmp_path_factory) -> Path:
    """COFW-68; LFPW with a worker beside the average, and ears; MERL-RAV, of which the last face hides a landmark."""
    folder = tmp_path_factory.mktemp('more')
    lines = [['column'] * 107]
    for number, face in enumerate(faces):
        savemat(folder / f'{number + 1}_points.mat', dict(Points=face['300w68']))
        points = np.concatenate([face['cofw29'][:28], np.full((6, 2), -1e4), face['cofw29'][28:]])
        values = np.concatenate([points, np.zeros((35, 1))], axis=1)
        lines += [
            [f'{number}.jpg', 'worker_0', *map(str, values.ravel() + 9)],
            [f'{number}.jpg', 'average', *map(str, values.ravel())],
        ]
        signs = np.ones((68, 1))
        signs[5] = -1
        points = face['300w68'] * signs
        if number == len(faces) - 1:
            points[7] = -1
        (folder / f'{number}.pts').write_text(
            '\n'.join(['version: 1', 'n_points: 68', '{', *(f'{x} {y}' for x, y in points), '}'])
        )
    (folder / 'lfpw.csv').write_text('\n'.join(map('\t'.join, lines)))
    return folder


@pytest.fixture(scope='module')
def result(study, lists, more_lists, tmp_path_factory):
    out = tmp_path_factory.mktemp('quantisation_error')
    return study.main(
        [
            '--csv-300w',
            str(lists),
            '--wflw',
            str(lists),
            '--out',
            str(out),
            '--device',
            'cpu',
            '--cofw68',
            str(more_lists),
            '--lfpw29',
            str(more_lists / 'lfpw.csv'),
            '--merl-rav',
            str(more_lists),
        ]
    ), out


def test_reads_300w(study, lists, faces):
    found = study.read_300w(lists / 'face_landmarks_300w_valid.csv').points
    np.testing.assert_allclose(found, [face['300w68'] for face in faces], rtol=1e-6)


def test_a_face_on_two_lists_counts_once(study, lists, faces):
    found = study.read_wflw(lists).points
    assert found.shape == (4, 98, 2)
    np.testing.assert_allclose(found[:, 0].sum(0), sum(face['wflw98'][0] for face in faces), rtol=1e-6)


def test_reads_the_other_sets(study, more_lists, faces):
    np.testing.assert_allclose(study.read_cofw68(more_lists).points, [face['300w68'] for face in faces], rtol=1e-6)
    np.testing.assert_allclose(
        study.read_lfpw29(more_lists / 'lfpw.csv').points, [face['cofw29'] for face in faces], rtol=1e-6
    )
    # without the face that hides a landmark
    np.testing.assert_allclose(
        study.read_merl_rav(more_lists).points, [face['300w68'] for face in faces[:3]], rtol=1e-6
    )


def test_names_the_broken_line_of_lfpw(study, more_lists, tmp_path):
    lines = (more_lists / 'lfpw.csv').read_text().splitlines()
    (tmp_path / 'broken.csv').write_text('\n'.join([*lines[:3], lines[3].rsplit('\t', 1)[0]]))
    with pytest.raises(ValueError, match=r'broken\.csv:4: found 106 columns, expected 107'):
        study.read_lfpw29(tmp_path / 'broken.csv')


def test_names_the_broken_line_of_300w(study, lists, tmp_path):
    text = (lists / 'face_landmarks_300w_valid.csv').read_text().splitlines()
    (tmp_path / 'broken.csv').write_text('\n'.join([*text[:2], text[2].rsplit(',', 1)[0]]))
    with pytest.raises(ValueError, match=r'broken\.csv:3: expected the numbers'):
        study.read_300w(tmp_path / 'broken.csv')


def test_names_the_broken_line_of_wflw(study, tmp_path):
    (tmp_path / 'list_98pt_test_blur.txt').write_text('1 2 a.jpg\n')
    with pytest.raises(ValueError, match=r'blur\.txt:1: found 3 fields'):
        study.read_wflw(tmp_path)


def test_says_where_it_looked_for_wflw(study, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'found no list_98pt_test_\*\.txt'):
        study.read_wflw(tmp_path)


def test_crop_leaves_distances_in_proportion(study, lists):
    faces = study.read_300w(lists / 'face_landmarks_300w_valid.csv')
    cropped = study.crop(faces, 'face_220')
    assert cropped.inside.all()
    sides = np.ptp(cropped.points, axis=1).max(-1)
    np.testing.assert_allclose(sides, 220, rtol=1e-6)


def test_landmarks_on_the_border_of_the_crop_count(study, lists):
    cropped = study.crop(study.read_wflw(lists), 'landmark_height')
    outside = abs(cropped.points[..., 0] - 127.5) > 128.001
    np.testing.assert_array_equal(cropped.inside, ~outside)


def test_crop_of_fan_shows_the_face_smaller(study, lists):
    faces = study.read_300w(lists / 'face_landmarks_300w_valid.csv')
    cropped = study.crop(faces, 'fan')
    np.testing.assert_allclose(np.ptp(cropped.points, axis=1).mean(-1), 256 * 195 / 400, rtol=1e-6)


def test_errors_leave_out_landmarks_outside_the_crop(study):
    truth = np.zeros((1, 2, 2))
    cropped = study.Cropped(truth, np.array([[True, False]]), np.array([50.0]))
    found = study.errors(truth + [[3, 4], [100, 100]], cropped, 0.25)
    assert (found['%'], found['cells']) == (10, 1.25)


@pytest.mark.parametrize(
    'name, expected',
    [
        ('sigma 1, window 5, cells', 0.1346),
        ('sigma 1.5, window 5, cells', 0.0291),
        ('sigma 1.5, window 3, cells', 0.0462),
        ('sigma 1.5, window 5, density of Eq. 1, cells', 0.3069),
        ('argmax, cells', 0.3826),
        ('quarter_shift, cells', 0.1913),
        ('floored and argmax, cells', 0.7652),
    ],
)
def test_errors_within_a_cell(result, name, expected):
    assert result[0][name] == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize(
    'pair, low, high',
    [
        ('rounded and argmax', 0.36, 0.41),
        ('rounded and quarter_shift', 0.36, 0.41),
        ('floored and argmax', 0.72, 0.81),
        ('continuous and quarter_shift', 0.18, 0.21),
        ('continuous and local_soft_argmax', 0.026, 0.033),
        ('continuous and expectation', 0.5, 5),
    ],
)
def test_errors_on_faces_in_cells(result, pair, low, high):
    assert low < result[0][f'WFLW, face_220, {pair}, cells'] < high


@pytest.mark.parametrize('name', ['COFW-68', 'LFPW, 29 points', 'MERL-RAV, all 68 points'])
def test_the_other_sets_are_measured_in_the_papers_crop(result, name):
    assert {key.split(', ')[-3] for key in result[0] if key.startswith(name)} == {'face_220'}
    assert result[0][f'{name}, face_220, continuous and local_soft_argmax, cells'] == pytest.approx(0.03, abs=0.006)


def test_smaller_faces_lose_more(result):
    rounding = [
        result[0][f'300W full, {rule}, rounded and argmax, %'] for rule in ('landmark_height', 'hrnet_1.25', 'fan')
    ]
    assert rounding == sorted(rounding)


def test_errors_of_a_predictor_have_the_size_asked_for(result):
    found = result[0]['300W full, structured, prediction after normal errors of 2.87 %, %']
    assert found == pytest.approx(2.87, rel=0.1)


def test_a_predictor_with_errors_of_its_own_loses_little_by_rounding(result):
    lost = (
        result[0]['300W full, structured, argmax after normal errors of 3.99 %, %']
        - result[0]['300W full, structured, prediction after normal errors of 3.99 %, %']
    )
    assert 0 < lost < 0.5 * result[0]['300W full, structured, argmax, %']


def test_numbers_and_picture_are_written(result):
    numbers, out = result
    assert json.loads((out / 'numbers.json').read_text()) == numbers
    assert 20_000 < (out / 'quantisation.png').stat().st_size < 250_000
