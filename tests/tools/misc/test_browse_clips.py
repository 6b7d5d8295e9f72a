"""browse_dataset on clips: a row of frames for each, from image files and from a video file."""

import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def config(tmp_path) -> Path:
    """A video of 5 image files and one of 4 frames in a video file, 64 x 64 pixels, and clips of 3 frames."""
    images, annotations = [], []
    writer = cv2.VideoWriter(str(tmp_path / 'b.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 25, (64, 64))
    for index in range(9):
        video, frame = ('a', index) if index < 5 else ('b', index - 5)
        image = np.full((64, 64, 3), 20 * index, np.uint8)
        file_name = f'a{frame}.png' if video == 'a' else 'b.avi'
        writer.write(image) if video == 'b' else cv2.imwrite(str(tmp_path / file_name), image)
        images.append(dict(id=index, file_name=file_name, width=64, height=64, video=video, frame=frame))
        points = np.random.default_rng(index).uniform(16, 48, (19, 2))
        annotations.append(
            dict(id=index, image_id=index, category_id=1, keypoints=np.insert(points, 2, 1, axis=1).ravel().tolist())
        )
    writer.release()
    (tmp_path / 'clips.json').write_text(
        json.dumps(dict(images=images, annotations=annotations, categories=[dict(id=1, name='face')]))
    )
    (tmp_path / 'clips.py').write_text(f"""
default_scope = 'mmpose'
pipeline = [
    dict(type='LoadVideoFrame'), dict(type='GetFaceCrop'), dict(type='FaceAffine', input_size=(32, 32)),
    dict(type='GenerateTarget', encoder=dict(type='MSRAHeatmap', input_size=(32, 32), heatmap_size=(8, 8), sigma=1)),
    dict(type='PackPoseInputs')]
test_dataloader = dict(dataset=dict(
    type='FaceVideoDataset', layout='aflw19', clip_length=3, data_root={str(tmp_path)!r}, ann_file='clips.json',
    test_mode=True, pipeline=pipeline))
""")
    return tmp_path / 'clips.py'


@pytest.mark.parametrize('mode, tiles', [('original', 1), ('transformed', 2)])
def test_clips_are_rows_of_frames(config, tmp_path, mode, tiles):
    [sheet] = importlib.import_module('browse_dataset').main(
        [str(config), '--split', 'test', '--mode', mode, '--out', str(tmp_path)]
    )
    picture = cv2.imread(str(sheet))
    # two columns of clips: a has 3 and 2 frames, b 3 and 1
    assert picture.shape == (2 * (tiles * 320 + 20), 2 * (3 * 320 + 2), 3)
    # the corner of the first tile of each frame; where a clip is shorter than 3 frames the sheet is white
    rows, columns = (17 + 40, tiles * 320 + 20 + 17 + 40), np.arange(6) * 320 + 40
    gray = [[0, 20, 40, 60, 80, 255], [100, 120, 140, 160, 255, 255]]
    if mode == 'transformed':
        np.testing.assert_allclose(
            np.median(
                np.stack([[picture[y - 10 : y + 10, x - 10 : x + 10] for x in columns] for y in rows]), axis=(2, 3, 4)
            ),
            gray,
            atol=3,
        )
