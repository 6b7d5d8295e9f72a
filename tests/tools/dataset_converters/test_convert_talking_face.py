"""The Talking Face converter on a few tiny frames, good and broken."""

import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfld.datasets import FaceLandmarkDataset
from mmfld.evaluation import FaceAlignmentMetric

SIZE = (48, 40)  # width, height
# outer and inner corner of the right eye, inner and outer of the left, tip of the nose, corners of the mouth
COMMON = [36, 39, 42, 45, 30, 48, 54]
FGNET = [27, 29, 34, 32, 67, 48, 54]


def make_points(index: int) -> np.ndarray:
    """(68, 2) of FGNET's scheme."""
    return np.random.default_rng(index).uniform((4, 4), (40, 34), (68, 2)).round(3)


@pytest.fixture
def src(tmp_path) -> Path:
    """Four frames as images."""
    src = tmp_path / 'src'
    (src / 'points').mkdir(parents=True)
    for index in range(4):
        image = np.full((SIZE[1], SIZE[0], 3), 10 + 20 * index, np.uint8)
        assert cv2.imwrite(str(src / f'franck_{index:05d}.jpg'), image)
        lines = [f' {x:.3f} {y:.3f}' for x, y in make_points(index)]
        text = '\n'.join(['version: 1', 'n_points: 68', '{', *lines, '}', ''])
        (src / f'points/franck_{index:05d}.pts').write_text(text)
    return src


@pytest.fixture
def run(src, tmp_path):
    """Runs the converter and returns (exit status, output folder)."""

    def run(*args) -> tuple:
        module = importlib.import_module('convert_talking_face')
        return module.main([str(src), '--out', str(tmp_path / 'out'), *args]), tmp_path / 'out'

    return run


def read(out: Path) -> dict:
    return json.loads((out / 'annotations/face_landmarks_talking_face_test.json').read_text())


def as_video(src: Path, frames: int) -> None:
    """Replace the images by a video of the first frames."""
    images = sorted(src.glob('*.jpg'))
    writer = cv2.VideoWriter(str(src / 'franck.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 25, SIZE)
    assert writer.isOpened()
    for image in images[:frames]:
        writer.write(cv2.imread(str(image)))
    writer.release()
    for image in images:
        image.unlink()


def load(out: Path) -> FaceLandmarkDataset:
    return FaceLandmarkDataset(
        '300w68',
        ann_file='annotations/face_landmarks_talking_face_test.json',
        data_root=str(out),
        data_prefix=dict(img='images'),
        test_mode=True,
    )


def test_seven_landmarks_are_annotated(run):
    status, out = run()
    assert status == 0
    annotation = read(out)['annotations'][2]
    keypoints = np.reshape(annotation['keypoints'], (68, 3))
    np.testing.assert_allclose(keypoints[COMMON], np.c_[make_points(2)[FGNET], np.ones(7)], atol=1e-6)
    assert (np.delete(keypoints, COMMON, axis=0) == 0).all()
    assert annotation['num_keypoints'] == 7


def test_frames(run):
    _, out = run()
    assert read(out)['images'] == [
        dict(id=n + 1, file_name=f'franck_{n:05d}.jpg', width=48, height=40, video='franck', frame=n) for n in range(4)
    ]


def test_box_is_that_of_all_points(run):
    _, out = run()
    sample = load(out)[1]
    points = make_points(1)
    np.testing.assert_allclose(sample['bbox'][0], [*points.min(axis=0), *points.max(axis=0)], atol=1e-5)
    assert sample['num_keypoints'] == 7
    assert round((cv2.imread(sample['img_path']).mean() - 10) / 20) == 1


def test_error_is_that_of_the_protocol(run):
    _, out = run()
    sample = load(out)[0]
    predicted = np.random.default_rng(9).uniform(0, 40, (1, 68, 2))
    metric = FaceAlignmentMetric('300w68', per_area=False)
    metric.process(
        [],
        [
            dict(
                id=1,
                img_path=sample['img_path'],
                raw_ann_info=sample['raw_ann_info'],
                pred_instances=dict(keypoints=predicted),
                gt_instances=dict(keypoints=sample['keypoints'], keypoints_visible=sample['keypoints_visible']),
            )
        ],
    )
    true = make_points(0)[FGNET]
    distances = np.linalg.norm(predicted[0, COMMON] - true, axis=1)
    expected = 100 * distances.mean() / np.linalg.norm(true[0] - true[3])
    assert metric.compute_metrics(metric.results)['NME'] == pytest.approx(expected, rel=1e-5)


def test_one_based(run):
    _, out = run('--one-based')
    annotation = read(out)['annotations'][0]
    points = make_points(0) - 1
    np.testing.assert_allclose(np.reshape(annotation['keypoints'], (68, 3))[COMMON, :2], points[FGNET], atol=1e-6)
    np.testing.assert_allclose(annotation['landmark_box'], [*points.min(axis=0), *points.max(axis=0)], atol=1e-6)


def test_images_in_a_folder(run, src):
    (src / 'images').mkdir()
    for path in src.glob('*.jpg'):
        path.rename(src / 'images' / path.name)
    _, out = run()
    assert [image['file_name'] for image in read(out)['images']] == [f'images/franck_{n:05d}.jpg' for n in range(4)]


def test_video(run, src):
    as_video(src, 4)
    status, out = run()
    assert status == 0
    images = read(out)['images']
    assert [(image['file_name'], image['frame']) for image in images] == [('franck.avi', n) for n in range(4)]


def test_video_with_dropped_frames_is_an_error(run, src, capsys):
    as_video(src, 3)
    status, out = run()
    assert status == 1
    assert f'error: {src / "franck.avi"}: found 3 frames, expected 4 as there are .pts files' in capsys.readouterr().err
    assert not out.exists()


def test_frames_at_half_the_size_are_reported(run, src, capsys):
    for path in src.glob('*.jpg'):
        assert cv2.imwrite(str(path), cv2.imread(str(path))[::2, ::2])
    assert run()[0] == 1
    printed = capsys.readouterr().err
    assert printed.count(': landmark outside: ') == 4
    assert 'expected it in the frame of 24 x 20 pixels' in printed
    assert f'error: {src}: found no face with points and a frame' in printed


def test_other_number_than_official_is_reported(run, src, capsys):
    run()
    assert f'{src}: count: found 4 faces, expected 5000 of the official video' in capsys.readouterr().err


def test_missing_frame_is_left_out(run, src, capsys):
    (src / 'franck_00001.jpg').unlink()
    _, out = run()
    assert f'{src / "points/franck_00001.pts"}: missing frame' in capsys.readouterr().err
    assert [image['frame'] for image in read(out)['images']] == [0, 2, 3]


def test_missing_point_is_left_out(run, src, capsys):
    path = src / 'points/franck_00002.pts'
    path.write_text(path.read_text().replace('n_points: 68', 'n_points: 67'))
    _, out = run()
    assert f'{path}:2: wrong point count: found n_points: 67, expected 68' in capsys.readouterr().err
    assert [image['frame'] for image in read(out)['images']] == [0, 1, 3]


def test_without_points_is_an_error(run, src, capsys):
    for path in (src / 'points').iterdir():
        path.unlink()
    assert run()[0] == 1
    assert f'error: {src / "points"}: found no .pts file' in capsys.readouterr().err


def test_without_frames_is_an_error(run, src, capsys):
    for path in src.glob('*.jpg'):
        path.unlink()
    assert run()[0] == 1
    assert 'found no frames, expected franck_00000.jpg, ... or franck.avi or franck.mp4' in capsys.readouterr().err
