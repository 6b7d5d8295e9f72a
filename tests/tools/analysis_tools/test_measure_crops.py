"""What crops cut off: hand-made faces, the official coordinates, and every config of the papers."""

import importlib
import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine import Config
from mmpose.registry import TRANSFORMS

from mmfld.doctor.crops import crop_of
from mmfld.engine.rows import read_config
from mmfld.evaluation.functional import inter_ocular, nme_per_image

pytestmark = pytest.mark.configuration

REPOSITORY = Path(__file__).resolve().parents[3]
SIZE = (256, 256)
# weights and numbers that are of the crop that they had first
TIGHT = (
    'mmfld_best_mini.py',
    'mmfld_robust_mini.py',
    'mmfld_tiny_mini.py',
    'attentive1d_mini.py',
    'attentive1d_tracker_mini.py',
)
CONFIGS = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for path in REPOSITORY.glob('configs/[!_]*/*.py')
    if 'crop-height' not in path.name and path.name not in TIGHT
)


@pytest.fixture(scope='module')
def tool():
    return importlib.import_module('measure_crops')


@pytest.fixture(scope='module')
def official_faces(shared_dir) -> dict:
    """Official coordinates of 1,966 test faces of WFLW and 689 of 300W."""
    spec = importlib.util.spec_from_file_location('quantisation', REPOSITORY / 'projects/quantisation_error/run.py')
    study = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(study)
    data = shared_dir / 'data'
    return dict(
        WFLW=study.read_wflw(data / 'wflw'), W300=study.read_300w(data / '300w_csv/face_landmarks_300w_valid.csv')
    )


def sample_of(points, rotation=None, **crop) -> dict:
    """A face (K, 2) after the crop rule."""
    points = np.asarray(points, np.float64)
    sample = dict(
        keypoints=points[None],
        keypoints_visible=np.ones((1, len(points)), np.float32),
        bbox=np.array([[*points.min(0), *points.max(0)]], np.float32),
        img_path='',
    )
    sample = TRANSFORMS.build(dict(type='GetFaceCrop', **crop)).transform(sample)
    return sample if rotation is None else dict(sample, bbox_rotation=np.array([rotation], np.float32))


@pytest.fixture(scope='module')
def floor_of(official_faces):
    """Function of a crop rule: data set -> faces cut in percent, and the NME (inter-ocular) of the clamped truth."""
    cache = {}

    def floor_of(**crop) -> dict:
        key = tuple(sorted(crop.items()))
        if key not in cache:
            cache[key] = {}
            for name, (points, layout) in official_faces.items():
                crops = [crop_of(sample_of(face, **crop), SIZE) for face in points]
                seen = np.ones(points.shape[:2], bool)
                floors = nme_per_image(
                    np.stack([one.clamped for one in crops]), points, seen, inter_ocular(points, seen, layout)
                )
                cut = np.mean([one.outside.any() for one in crops])
                cache[key][name] = 100 * cut, 100 * floors.mean()
        return cache[key]

    return floor_of


def test_clamps_to_the_nearest_place_of_the_crop():
    # 100 wide and 50 high: by the height, the crop reaches 25 to each side of (50, 25)
    points = [(0, 25), (100, 25), (50, 0), (50, 50), (40, 10)]
    crop = crop_of(sample_of(points, rule='landmark_height'), SIZE)
    np.testing.assert_allclose(crop.clamped, [(25, 25), (75, 25), (50, 0), (50, 50), (40, 10)], atol=1e-5)
    assert crop.outside.tolist() == [True, True, False, False, False]
    np.testing.assert_allclose(crop.corners, [(25, 0), (75, 0), (75, 50), (25, 50)], atol=1e-5)


def test_clamps_along_the_sides_of_a_crop_that_is_turned():
    # turned by 45 degrees, the crop's corner points at (0, 25), 35.4 from the middle
    points = [(0, 25), (100, 25), (50, 0), (50, 50), (20, 25)]
    crop = crop_of(sample_of(points, rotation=45.0, rule='landmark_height'), SIZE)
    assert crop.outside.tolist() == [True, True, False, False, False]
    np.testing.assert_allclose(crop.clamped[0], (50 - 25 * 2**0.5, 25), atol=1e-5)


def test_landmarks_that_are_not_annotated_are_not_cut_off():
    sample = sample_of([(0, 25), (100, 25), (50, 0), (50, 50)], rule='landmark_height')
    sample['keypoints_visible'][0, 0] = 0
    assert crop_of(sample, SIZE).outside.tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    'crop, name, cut, floor',
    [
        (dict(rule='landmark_height'), 'WFLW', 50.7, 0.320),
        (dict(rule='landmark_height'), 'W300', 56.5, 0.208),
        (dict(rule='landmark_height', padding=1.1), 'W300', 12.3, 0.031),
    ],
)
def test_floors_of_the_official_coordinates(floor_of, crop, name, cut, floor):
    found = floor_of(**crop)[name]
    assert found == (pytest.approx(cut, abs=0.5), pytest.approx(floor, abs=0.0006))


@pytest.mark.parametrize('name', CONFIGS)
def test_no_config_of_the_papers_cuts_landmarks_off(name, floor_of):
    (step,) = (step for step in read_config(name).test_pipeline if step['type'] == 'GetFaceCrop')
    crop = {**read_config(name).crop, **{key: value for key, value in step.items() if key != 'type'}}
    for data, (_, floor) in floor_of(**crop).items():
        assert floor < 0.005, f'{data}, {crop}'


def test_prints_and_draws_the_crops_of_two_configs(tool, tmp_path, synthetic_faces, capsys):
    base = Config.fromfile(REPOSITORY / 'configs/synthetic/structured_hg2_mini.py')
    names = []
    for rule in ('landmark_height', 'longer_side'):
        for part in ('train', 'test'):
            dataset = base[f'{part}_dataloader'].dataset
            dataset.data_root = str(synthetic_faces)
            for step in dataset.pipeline:
                if step.type == 'GetFaceCrop':
                    step.update(rule=rule, padding=1.0)
        names.append(str(tmp_path / f'{rule}.py'))
        base.dump(names[-1])
    results = tool.main([*names, '--out-dir', str(tmp_path / 'crops')])
    printed = capsys.readouterr().out
    assert [results[f'{name}, {kind}']['faces'] for name in names for kind in ('test', 'augmented')] == [4, 12] * 2
    tight, loose = (results[f'{name}, test'] for name in names)
    assert loose['NME floor, %'] == loose['landmarks outside, %'] == 0 and 'longer_side_test' not in printed
    assert 2 < loose['cell, %'] < 20 and tight['cell, %'] <= loose['cell, %']
    augmented = results[f'{names[1]}, augmented']
    assert augmented['landmarks outside, %'] > 0 and augmented['NME floor, %'] > 0
    picture = cv2.imread(str(tmp_path / 'crops' / f'{tmp_path.name}_longer_side_augmented.png'))
    # white crops, red and green landmarks
    for color in ((255, 255, 255), (0, 0, 255), (0, 255, 0)):
        assert (picture == color).all(-1).any()
