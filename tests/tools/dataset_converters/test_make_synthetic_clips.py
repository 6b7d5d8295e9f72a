"""The command that writes a set of synthetic clips."""

import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfld.synthetic import STILL, SyntheticClipGenerator


@pytest.fixture
def tool():
    return importlib.import_module('make_synthetic_clips')


def make(tool, out: Path, *options: str) -> int:
    return tool.main(
        [
            str(out),
            '--train',
            '2',
            '--valid',
            '1',
            '--still',
            '1',
            '--train-frames',
            '5',
            '--valid-frames',
            '8',
            '--image-size',
            '64',
            '--workers',
            '1',
            *options,
        ]
    )


def read(out: Path, part: str) -> dict:
    return json.loads((out / f'annotations/face_landmarks_synthetic_clips_{part}.json').read_text(encoding='utf-8'))


def written(out: Path) -> dict:
    return {path.relative_to(out): path.read_bytes() for path in out.rglob('*') if path.is_file()}


def test_frames_and_annotations(tool, tmp_path):
    assert make(tool, tmp_path, '--seed', '4') == 0
    content = read(tmp_path, 'train')
    assert [(image['video'], image['frame']) for image in content['images']] == [
        (video, frame) for video in ('train_0000', 'train_0001') for frame in range(5)
    ]
    faces = [face for index in range(2) for face in SyntheticClipGenerator(4, 64, 5)[index]]
    for image, annotation, face in zip(content['images'], content['annotations'], faces, strict=True):
        assert image['file_name'] == f'{image["video"]}/{image["frame"]:06d}.jpg'
        assert (image['width'], image['height']) == (64, 64) and annotation['image_id'] == image['id']
        keypoints = np.reshape(annotation['keypoints'], (68, 3))
        np.testing.assert_allclose(keypoints[:, :2], face.keypoints['300w68'], atol=1e-5)
        assert (keypoints[:, 2] == 1).all()
        assert annotation['attributes'] == face.attributes
        picture = cv2.imread(str(tmp_path / 'images' / image['file_name']))
        assert np.abs(picture.astype(float) - face.image).mean() < 5  # JPEG


def test_parts_have_clips_of_their_own(tool, tmp_path):
    make(tool, tmp_path)
    parts = {part: read(tmp_path, part) for part in ('train', 'valid', 'still')}
    assert [len(part['images']) for part in parts.values()] == [10, 8, 8]
    assert {image['video'] for part in parts.values() for image in part['images']} == {
        'train_0000',
        'train_0001',
        'valid_0000',
        'still_0000',
    }
    assert len({tuple(part['annotations'][0]['keypoints']) for part in parts.values()}) == 3
    assert len({tuple(annotation['keypoints']) for annotation in parts['valid']['annotations']}) == 8


def test_still_clips(tool, tmp_path):
    make(tool, tmp_path)
    annotations = read(tmp_path, 'still')['annotations']
    expected = SyntheticClipGenerator(0, 64, 1, STILL)[2 * 10**9][0].keypoints['300w68']
    for annotation in annotations:
        np.testing.assert_allclose(np.reshape(annotation['keypoints'], (68, 3))[:, :2], expected, atol=1e-5)
        assert annotation['attributes'] == {'burst': 0}
    images = {path.read_bytes() for path in (tmp_path / 'images/still_0000').iterdir()}
    assert len(images) == 8


def test_videos(tool, tmp_path):
    make(tool, tmp_path, '--mp4', '--layout', 'wflw98', '--image-size', '96')
    content = read(tmp_path, 'valid')
    assert {image['file_name'] for image in content['images']} == {'valid_0000.mp4'}
    assert [image['frame'] for image in content['images']] == list(range(8))
    assert len(content['annotations'][0]['keypoints']) == 98 * 3
    capture = cv2.VideoCapture(str(tmp_path / 'images/valid_0000.mp4'))
    assert capture.get(cv2.CAP_PROP_FPS) == 25
    for face in SyntheticClipGenerator(0, 96, 8)[10**9]:
        decoded, frame = capture.read()
        assert decoded and np.abs(frame.astype(float) - face.image).mean() < 10
    assert not capture.read()[0]


def test_the_set_does_not_depend_on_the_number_of_workers(tool, tmp_path):
    for workers in ('1', '2'):
        make(tool, tmp_path / workers, '--workers', workers)
    assert written(tmp_path / '1') == written(tmp_path / '2')


def test_the_number_of_clips_changes_no_clip(tool, tmp_path):
    make(tool, tmp_path / 'some')
    make(tool, tmp_path / 'one', '--train', '1', '--still', '0')
    assert len(read(tmp_path / 'one', 'train')['images']) == 5
    some = written(tmp_path / 'some')
    for path, content in written(tmp_path / 'one').items():
        if path.suffix == '.jpg':
            assert some[path] == content


def test_a_complete_set_is_left_alone(tool, tmp_path, capsys):
    make(tool, tmp_path)
    image = tmp_path / 'images/train_0000/000000.jpg'
    before = image.stat().st_mtime_ns
    assert make(tool, tmp_path) == 0
    assert 'already' in capsys.readouterr().out and image.stat().st_mtime_ns == before


def test_an_interrupted_set_is_completed(tool, tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(tool, 'write_json', lambda path, content: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make(tool, tmp_path)
    assert make(tool, tmp_path) == 0
    assert len(list((tmp_path / 'annotations').iterdir())) == 3


def test_another_set_is_not_overwritten_unasked(tool, tmp_path, capsys):
    make(tool, tmp_path)
    with pytest.raises(SystemExit):
        make(tool, tmp_path, '--layout', 'cofw29')
    assert "found a set with layout '300w68', not 'cofw29'" in capsys.readouterr().err
    assert make(tool, tmp_path, '--train', '1', '--mp4', '--overwrite') == 0
    assert sorted(path.name for path in (tmp_path / 'images').iterdir()) == [
        'still_0000.mp4',
        'train_0000.mp4',
        'valid_0000.mp4',
    ]


def test_foreign_images_are_not_touched(tool, tmp_path, capsys):
    (tmp_path / 'images').mkdir()
    with pytest.raises(SystemExit):
        make(tool, tmp_path)
    assert 'did not make' in capsys.readouterr().err


def test_bad_counts_are_refused(tool, tmp_path, capsys):
    for options in (('--train', '-1'), ('--train', '0', '--valid', '0', '--still', '0'), ('--workers', '0')):
        with pytest.raises(SystemExit):
            make(tool, tmp_path, *options)
        assert 'expected at least one clip' in capsys.readouterr().err
