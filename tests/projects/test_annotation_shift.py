"""Shifts that were put into annotations are found again: in tilted faces, between lips, in cuts of photographs."""

import importlib
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.structures import InstanceData

from mmfld.datasets.transforms.crop import FaceAffine
from mmfld.structures import convert_keypoints, get_layout
from mmfld.synthetic import SyntheticFaceGenerator

PROJECT = Path(__file__).resolve().parents[2] / 'projects' / 'semantic_ambiguity'
SHIFT = np.array([1.2, 0.7])


@pytest.fixture(scope='module')
def study():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT))
        module = importlib.import_module('annotation_shift')
    for name in ('annotation_shift', 'lfpw_annotations'):
        del sys.modules[name]
    return module


@pytest.fixture(scope='module')
def face():
    """(68, 2) of an upright face around 0, inter-ocular distance 100."""
    points = SyntheticFaceGenerator(seed=0)[0].keypoints['300w68'].astype(float)
    eyes = points[[36, 45]]
    z = (points - points.mean(0)) @ [1, 1j] / ((eyes[1] - eyes[0]) @ [1, 1j]) * 100
    return np.stack([z.real, z.imag], axis=-1)


def turned(points, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]])


def test_a_shift_of_the_image_shows_in_tilted_faces(study, face):
    """Predictions that are wrong by 3 pixels along the face, and annotations by SHIFT in the image."""
    rng = np.random.default_rng(0)
    tilts = rng.normal(0, 0.2, 400)
    exact = np.stack([turned(face, tilt) for tilt in tilts])
    predicted = np.stack([turned(face + (0, 3), tilt) for tilt in tilts]) + rng.normal(0, 0.3, (400, 1, 2))
    faces = study.Faces(
        np.array(['a'] * 400), exact + SHIFT, predicted, np.array([study.tilt_of(p) for p in exact]), np.zeros(400)
    )
    cos, sin = np.cos(faces.tilt), np.sin(faces.tilt)
    across, along = faces.residuals().T
    (right, half), (below, wide) = study.regression(across, cos, sin)
    assert right == pytest.approx(SHIFT[0], abs=0.1) and below == pytest.approx(SHIFT[1], abs=0.4)
    assert half == pytest.approx(1.96 * 0.3 / 20, rel=0.3) and wide == pytest.approx(half / 0.2, rel=0.3)
    assert study.regression(along, -sin, cos)[0][0] == pytest.approx(SHIFT[0], abs=0.4)


def test_outliers_and_unknown_values_count_little(study):
    values = np.concatenate([np.random.default_rng(0).normal(5, 1, 300), [1000, np.nan]])
    assert study.regression(values)[0][0] == pytest.approx(5, abs=0.2)


@pytest.mark.parametrize('below', [-1.3, 0.8])
@pytest.mark.parametrize('angle', [0.0, 0.3])
@pytest.mark.parametrize('layout', ['300w68', 'cofw25'])
def test_the_line_between_the_lips(study, face, below, angle, layout):
    face = face.copy()
    for lower, upper in ((65, 63), (66, 62), (67, 61)):
        face[lower] = face[upper]
    tilt = turned(face, angle) + 100
    image = np.full((220, 220), 200, np.uint8)
    line = tilt[[60, 61, 62, 63, 64]]
    cv2.polylines(image, [np.round(line * 16).astype(np.int32)], False, 0, 1, cv2.LINE_AA, shift=4)
    image = cv2.GaussianBlur(image, (0, 0), 1)
    annotated = convert_keypoints(tilt + turned(np.array([[0, below]]), angle), '300w68', layout)
    layout = get_layout(layout)
    assert study.lip_line_offset(image, annotated, layout) == pytest.approx(below, abs=0.25)
    lower = [pair[1] for pair in study.INNER_LIPS[layout.name]]
    annotated[lower] += turned(np.array([[0, 5.0]]), angle)
    assert np.isnan(study.lip_line_offset(image, annotated, layout))


def test_cuts_and_faces_of_the_same_photograph(study, face, tmp_path):
    rng = np.random.default_rng(0)
    photographs = {f'a/{n}': face + rng.uniform(100, 900, 2) + rng.normal(0, 1, (68, 2)) for n in range(5)}
    names = np.array([f'a/{n}.jpg' for n in (3, 1)] + ['b/1.jpg'])
    points = np.stack([photographs['a/3'] * 0.5 - 20, photographs['a/1'] - 50, face])
    faces = study.Faces(names, points, points, np.zeros(3), np.zeros(3))
    cut = study.cuts(faces, photographs)
    np.testing.assert_allclose(cut[:2], [[[0.5, -20]] * 2, [[1, -50]] * 2], atol=1e-6)
    assert np.isnan(cut[2]).all()
    with pytest.raises(ValueError, match='a/3.jpg: found points .* pixels off'):
        study.cuts(faces._replace(annotated=points + rng.normal(0, 1, points.shape)), photographs)

    people = convert_keypoints(np.stack(list(photographs.values())) + rng.normal(0, 1, (5, 68, 2)), '300w68', 'cofw25')
    ours = convert_keypoints(np.stack([photographs['a/3'], photographs['a/1'], face - 2000]), '300w68', 'cofw25')
    index, same, _ = study.match(ours, people)
    assert index[:2].tolist() == [3, 1] and same.tolist() == [True, True, False]


def test_a_list_of_photographs(study, tmp_path):
    header = ['image_name'] + [f'original_{k}_{axis}' for k in range(68) for axis in 'xy']
    (tmp_path / 'list.csv').write_text(','.join(header) + '\na/1.png,' + ','.join(map(str, range(1, 137))) + '\n')
    points = study.read_photographs(tmp_path / 'list.csv')
    assert list(points) == ['a/1'] and points['a/1'][0].tolist() == [0, 1]
    (tmp_path / 'list.csv').write_text('image_name\na/1.png\n')
    with pytest.raises(ValueError, match='list.csv: expected image_name and the numbers original_0_x'):
        study.read_photographs(tmp_path / 'list.csv')


def test_predictions_are_put_back_into_tilted_images(study, synthetic_faces, monkeypatch):
    """A network that finds in the upright crop what is annotated there."""
    in_crop, transform = {}, FaceAffine.transform

    def remember(self, results):
        in_crop[results['img_id']] = transform(self, results)['transformed_keypoints'][0]
        return results

    class Exact:
        def test_step(self, data):
            for sample in data['data_samples']:
                meta = sample.metainfo
                points = in_crop[meta['img_id']] / meta['input_size'] * meta['input_scale']
                sample.pred_instances = InstanceData(
                    keypoints=(points + meta['input_center'] - 0.5 * meta['input_scale'])[None]
                )
            return data['data_samples']

    monkeypatch.setattr(FaceAffine, 'transform', remember)
    monkeypatch.setattr(study, 'init_whole_model', lambda *args, **kwargs: Exact())
    faces = study.measure(['synthetic_300w68_test.json'], f'{synthetic_faces}/')
    assert len(faces.names) == 4 and abs(faces.tilt).max() > 0.02
    assert max(abs(study.tilt_of(points)) for points in in_crop.values()) < 1e-3
    np.testing.assert_allclose(faces.predicted, faces.annotated, atol=0.01)
