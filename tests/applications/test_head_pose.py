"""Head pose: right for rendered heads, the same mirrored and turned in the picture, by uncertain landmarks least."""

import json
import sys
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest

from mmfld.applications import HeadPoseEstimator, draw_axes
from mmfld.applications.head_pose import mean_faces
from mmfld.structures import get_layout, layout_names
from mmfld.synthetic import Camera, Expression, FaceShape, Identity, project_face

REPOSITORY = Path(__file__).resolve().parents[2]


def rendered(yaw, pitch, roll, layout='300w68', seed=None, scale=80.0, center=(300.0, 200.0)):
    """(K, 2) landmarks of the mean face, or of somebody."""
    rng = np.random.default_rng(seed)
    identity, expression = (
        (Identity(), Expression()) if seed is None else (Identity.sample(rng), Expression.sample(rng, False))
    )
    camera = Camera(*np.deg2rad([yaw, pitch, roll]), scale=scale, center=center)
    return project_face(FaceShape(identity, expression), camera).keypoints[layout].astype(float)


@pytest.mark.parametrize('layout', layout_names())
@pytest.mark.parametrize('yaw, pitch, roll', [(0, 0, 0), (30, 0, 0), (0, 20, 0), (-50, 15, 170), (60, -25, -90)])
def test_the_mean_face_is_told_exactly(layout, yaw, pitch, roll):
    pose = HeadPoseEstimator(layout)(rendered(yaw, pitch, roll, layout))
    # the single chin point of the two small layouts follows the outline
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx(
        (yaw, pitch, roll), abs=1.0 if len(pose) and layout in ('cofw29', 'aflw19') else 0.05
    )
    assert pose.scale == pytest.approx(80, rel=0.02) and pose.center == pytest.approx((300, 200), abs=2)


def test_other_faces_are_told_within_degrees():
    estimate, errors = HeadPoseEstimator(), []
    rng = np.random.default_rng(0)
    for seed in range(40):
        truth = rng.uniform((-55, -30, -180), (55, 30, 180))
        found = estimate(rendered(*truth, seed=seed))
        errors.append((np.array(found[:3]) - truth + 180) % 360 - 180)
    assert (np.abs(errors).mean(0) < (2, 2.5, 1)).all() and (np.abs(np.mean(errors, 0)) < 1).all()


def test_signs_are_those_of_the_picture():
    """A nose that moves to the right, down, and eyes that turn clockwise."""
    neutral = rendered(0, 0, 0)
    tip = np.array([rendered(*angles)[30] - neutral[30] for angles in ((20, 0, 0), (0, 20, 0))])
    assert tip[0, 0] > 10 and tip[1, 1] > 10
    eyes = rendered(0, 0, 20)[[36, 45]]
    assert eyes[1, 1] > eyes[0, 1] + 10


def test_a_mirrored_face_looks_the_other_way():
    points = rendered(25, 10, 30, seed=1)
    mirrored = (points * (-1, 1) + (640, 0))[list(get_layout('300w68').flip_indices)]
    pose, other = (HeadPoseEstimator()(one) for one in (points, mirrored))
    assert (other.yaw, other.pitch, other.roll) == pytest.approx((-pose.yaw, pose.pitch, -pose.roll), abs=1e-4)


@pytest.mark.parametrize('angle', [37.0, 90.0, 180.0])
def test_turning_and_moving_the_picture_changes_the_roll_alone(angle):
    points = rendered(25, 10, 0, seed=2)
    a = np.deg2rad(angle)
    turned = 2.5 * points @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + (1000, -50)
    pose, other = (HeadPoseEstimator()(one) for one in (points, turned))
    assert (other.yaw, other.pitch) == pytest.approx((pose.yaw, pose.pitch), abs=1e-3)
    assert (other.roll - pose.roll - angle + 180) % 360 - 180 == pytest.approx(0, abs=1e-3)
    assert other.scale == pytest.approx(2.5 * pose.scale, rel=1e-4)


def test_doubtful_landmarks_count_less():
    points = rendered(20, -5, 0)
    wrong = points.copy()
    wrong[48:] += (25, 15)  # the mouth
    covariances = np.tile(4 * np.eye(2), (68, 1, 1))
    covariances[48:] = 900 * np.eye(2)
    plain, told = HeadPoseEstimator()(wrong), HeadPoseEstimator()(wrong, covariances)
    assert abs(told.yaw - 20) + abs(told.pitch + 5) < 1 < abs(plain.yaw - 20) + abs(plain.pitch + 5)


def test_translation_by_a_camera():
    pose = HeadPoseEstimator()(rendered(10, 0, 0, scale=80, center=(320, 240)))
    camera = [[800, 0, 320], [0, 800, 240], [0, 0, 1]]
    assert pose.translation(camera) == pytest.approx((0, 0, 10), abs=0.05)
    assert pose.translation([[800, 0, 240], [0, 800, 240], [0, 0, 1]])[0] == pytest.approx(1, abs=0.02)


def test_a_layout_of_ones_own_needs_a_shape():
    own = dict(name='own6', num_keypoints=6)
    with pytest.raises(ValueError, match="layout 'own6': found no mean face, expected shape="):
        HeadPoseEstimator(own)
    chosen = [36, 39, 42, 45, 30, 57]
    estimate = HeadPoseEstimator(own, shape=mean_faces()['300w68'][chosen])
    assert estimate(rendered(15, 5, 0)[chosen])[:3] == pytest.approx((15, 5, 0), abs=0.1)
    with pytest.raises(ValueError, match=r'shape: found \(5, 3\), expected finite \(6, 3\)'):
        HeadPoseEstimator(own, shape=mean_faces()['300w68'][:5])
    with pytest.raises(ValueError, match='found 5 landmarks that count, expected at least 6'):
        HeadPoseEstimator(own, shape=mean_faces()['300w68'][chosen], left_out=[0])


@pytest.mark.parametrize(
    'points, message',
    [
        (np.zeros((68, 2)), 'landmarks: found those that count on one spot, expected those of a face'),
        (np.full((68, 2), 7.3), 'found those that count on one spot'),
        (np.full((68, 2), np.nan), 'expected finite'),
        (np.where(np.arange(136) == 100, np.inf, 3.0).reshape(68, 2), 'expected finite'),
        (np.linspace((0, 0), (100, 0), 68), 'landmarks: found those that count on a line, expected those of a face'),
        (np.linspace((30, 0), (30, 90), 68), 'found those that count on a line'),
        (np.linspace((0, 5), (100, 60), 68) + np.eye(68, 2), 'found those that count on a line'),
        (np.repeat([(0, 0), (90, 40)], 34, axis=0), 'found those that count on a line'),
        (np.random.default_rng(0).uniform(0, 1e200, (68, 2)), r'found coordinates up to 9.*e\+199, expected those of'),
        (np.zeros((5, 2)), r'found shape \(5, 2\), expected finite \(68, 2\)'),
    ],
)
def test_landmarks_that_are_no_face(points, message):
    with pytest.raises(ValueError, match=message):
        HeadPoseEstimator()(points)


def test_the_residual_tells_points_of_no_face():
    rng = np.random.default_rng(0)
    estimate, face = HeadPoseEstimator(), rendered(0, 0, 0)
    assert min(estimate(rng.uniform(0, 100, (68, 2))).residual for _ in range(20)) > 0.25
    assert min(estimate(face[rng.permutation(68)]).residual for _ in range(20)) > 0.25
    angles = rng.uniform((-90, -50, -180), (90, 50, 180), (20, 3))
    assert max(estimate(rendered(*each, seed=n)).residual for n, each in enumerate(angles)) < 0.05


@pytest.mark.parametrize('layout', layout_names())
@pytest.mark.parametrize('yaw, pitch', [(-90, 0), (90, 60), (0, -60)])
def test_no_face_is_a_line_from_any_side(layout, yaw, pitch):
    assert np.isfinite(HeadPoseEstimator(layout)(rendered(yaw, pitch, 0, layout)).residual)


@pytest.mark.parametrize('shape', [np.zeros((68, 3)), np.linspace((0, 0, 0), (1, 2, 3), 68)], ids=['spot', 'line'])
def test_a_shape_that_is_none_is_an_error(shape):
    with pytest.raises(ValueError, match='^shape: found those that count on '):
        HeadPoseEstimator(shape=shape)


def test_axes_point_where_the_head_does():
    image = np.zeros((400, 600, 3), np.uint8)
    pose = HeadPoseEstimator()(rendered(40, 0, 0))
    drawn = draw_axes(image, pose)
    blue = np.argwhere(drawn[..., 0] > 128)[:, 1]
    assert blue.max() > 300 + 30 and blue.min() > 290 and not image.any()


def test_the_file_is_what_the_tool_writes(tmp_path):
    tool = run_path(str(REPOSITORY / 'tools/misc/make_mean_faces.py'))
    tool['main']([str(tmp_path / 'mean.json')])
    package = Path(sys.modules['mmfld.applications.head_pose'].__file__).with_name('mean_faces.json')
    assert (tmp_path / 'mean.json').read_text() == package.read_text()


def test_the_tool_prints_errors_by_yaw(tmp_path, capsys):
    tool = run_path(str(REPOSITORY / 'tools/analysis_tools/measure_head_pose.py'))
    keypoints = np.column_stack([rendered(20, 5, 10, seed=3), np.ones(68)]).ravel().tolist()
    (tmp_path / 'a.json').write_text(json.dumps(dict(annotations=[dict(keypoints=keypoints)])))
    tool['main'](['--faces', '60', '--annotations', str(tmp_path / 'a.json')])
    lines = capsys.readouterr().out.splitlines()
    total = [float(value) for value in lines[5].split(' | ')[1:]]
    assert lines[5].startswith('0 to 60') and (np.array(total) < (2, 2.5, 1)).all() and min(total) > 0.1
    assert all(float(line.split()[-2]) < 1e-3 for line in lines[6:]) and len(lines) == 8


@pytest.mark.parametrize(
    'covariances',
    [np.full((68, 2, 2), np.nan), np.tile(np.eye(2) * np.inf, (68, 1, 1)), np.zeros((5, 2, 2)), np.ones((68, 2))],
)
def test_covariances_that_are_none_are_an_error(covariances):
    with pytest.raises(ValueError, match=r'covariances: found shape .*, expected finite \(68, 2, 2\)'):
        HeadPoseEstimator()(mean_faces()['300w68'][:, :2] * 80, covariances)
    with pytest.raises(ValueError, match='covariances: found negative variances'):
        HeadPoseEstimator()(mean_faces()['300w68'][:, :2] * 80, np.tile(-np.eye(2), (68, 1, 1)))
