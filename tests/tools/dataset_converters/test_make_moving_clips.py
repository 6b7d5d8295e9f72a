"""The command that makes clips of photographs."""

import importlib
import json

import cv2
import numpy as np
import pytest

from mmfld.datasets import FaceVideoDataset
from mmfld.synthetic import SyntheticFaceGenerator, moving_face


@pytest.fixture
def tool():
    return importlib.import_module('make_moving_clips')


@pytest.fixture
def faces(tmp_path):
    """A json of three faces; returns it, and the landmarks."""
    (tmp_path / 'faces/images').mkdir(parents=True)
    (tmp_path / 'faces/annotations').mkdir()
    generator = SyntheticFaceGenerator(seed=0, image_size=96)
    images, annotations, points = [], [], []
    for index in range(3):
        face = generator[index]
        cv2.imwrite(str(tmp_path / f'faces/images/{index}.png'), face.image)
        points.append(face.annotations['300w68'].astype(float))
        keypoints = np.column_stack([points[-1], np.ones(68)]).ravel().tolist()
        images.append(dict(id=index, file_name=f'{index}.png', width=96, height=96))
        annotations.append(dict(id=index, image_id=index, category_id=1, keypoints=keypoints))
    path = tmp_path / 'faces/annotations/faces.json'
    path.write_text(json.dumps(dict(images=images, annotations=annotations)), encoding='utf-8')
    return path, points


def make(tool, faces, out, *options):
    return tool.main([str(faces), str(out), '--frames', '8', '--image-size', '64', '--workers', '1', *options])


def test_frames_are_those_of_the_photographs(tool, faces, tmp_path):
    path, points = faces
    assert make(tool, path, tmp_path / 'out', '--seed', '4') == 0
    content = json.loads((tmp_path / 'out/annotations/face_landmarks_moving_clips.json').read_text())
    names = [f'{video:05d}/{frame:06d}.jpg' for video in range(3) for frame in range(8)]
    assert [image['file_name'] for image in content['images']] == names
    expected = [
        frame
        for index in range(3)
        for frame in moving_face(
            cv2.imread(str(path.parents[1] / f'images/{index}.png')), points[index], 8, 64, seed=4 + index
        )
    ]
    for image, annotation, frame in zip(content['images'], content['annotations'], expected, strict=True):
        keypoints = np.reshape(annotation['keypoints'], (68, 3))
        np.testing.assert_allclose(keypoints[:, :2], frame.landmarks, atol=1e-5)
        assert annotation['attributes'] == dict(burst=int(frame.burst))
        written = cv2.imread(str(tmp_path / 'out/images' / image['file_name'])).astype(float)
        assert np.abs(written - frame.image).mean() < 6  # JPEG


def test_a_data_set_of_clips_reads_them(tool, faces, tmp_path):
    make(tool, faces[0], tmp_path / 'out', '--clips', '2')
    dataset = FaceVideoDataset(
        '300w68',
        clip_length=4,
        data_root=str(tmp_path / 'out'),
        data_prefix=dict(img='images/'),
        ann_file='annotations/face_landmarks_moving_clips.json',
    )
    assert [dataset.get_data_info(index)['video'] for index in range(len(dataset))] == ['00000'] * 2 + ['00001'] * 2


def test_a_complete_set_is_left_alone_and_another_refused(tool, faces, tmp_path, capsys):
    make(tool, faces[0], tmp_path / 'out')
    assert make(tool, faces[0], tmp_path / 'out') == 0
    assert 'holds this set already' in capsys.readouterr().out
    assert make(tool, faces[0], tmp_path / 'out', '--seed', '1') == 1
    assert 'found a set with seed 0, not 1' in capsys.readouterr().err
    assert make(tool, faces[0], tmp_path / 'out', '--seed', '1', '--overwrite') == 0


def test_a_face_without_all_landmarks_is_left_out_and_told(tool, faces, tmp_path, capsys):
    content = json.loads(faces[0].read_text())
    content['annotations'][1]['keypoints'][2] = 0
    faces[0].write_text(json.dumps(content))
    assert make(tool, faces[0], tmp_path / 'out') == 1
    assert 'found 1 of 68 landmarks with v = 0, expected all annotated' in capsys.readouterr().err
    written = json.loads((tmp_path / 'out/annotations/face_landmarks_moving_clips.json').read_text())
    assert {image['video'] for image in written['images']} == {'00000', '00001'}


def test_wrong_numbers_are_refused(tool, faces, tmp_path, capsys):
    with pytest.raises(SystemExit):
        make(tool, faces[0], tmp_path / 'out', '--frames', '0')
    assert '--frames: found 0, expected 1 or more' in capsys.readouterr().err
    assert make(tool, tmp_path / 'none.json', tmp_path / 'out') == 1
    assert 'none.json: cannot be read: No such file or directory' in capsys.readouterr().err


def test_an_image_that_goes_while_clips_are_made_is_named_and_the_set_is_not_complete(tool, faces, tmp_path, capsys):
    checked = tool.check_faces

    def then_gone(*args):
        result = checked(*args)
        (faces[0].parents[1] / 'images/1.png').unlink()
        return result

    tool.check_faces = then_gone
    try:
        assert make(tool, faces[0], tmp_path / 'out') == 1
    finally:
        tool.check_faces = checked
    assert 'images/1.png' in capsys.readouterr().err
    assert not json.loads((tmp_path / 'out/options.json').read_text())['complete']
