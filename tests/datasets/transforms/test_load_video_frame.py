"""LoadVideoFrame: the same frames as by decoding a video from its start, in whatever order they are asked for."""

import os
import shutil

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmfld.datasets.transforms import LoadVideoFrame, load_video_frame

NUM_FRAMES = 60


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """A video file and its frames, decoded in order."""
    path = str(tmp_path_factory.mktemp('video') / 'film.mp4')
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'mp4v'), 25, (64, 48))
    pattern = cv2.resize(np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8), (64, 48))
    for frame in range(NUM_FRAMES):
        writer.write(np.roll(pattern, frame, axis=1))
    writer.release()
    capture = cv2.VideoCapture(path)
    frames = [capture.read()[1] for _ in range(NUM_FRAMES)]
    assert not capture.read()[0]
    # or else a wrong frame would not be noticed
    assert all((first != second).any() for first, second in zip(frames, frames[1:]))
    return path, frames


def load(path, frame) -> np.ndarray:
    return LoadVideoFrame()(dict(img_path=path, frame=frame))['img']


ORDERS = {
    'forward': range(NUM_FRAMES),
    'backward': range(NUM_FRAMES - 1, -1, -1),
    'strided': range(1, NUM_FRAMES, 3),
    'random': np.random.default_rng(1).permutation(NUM_FRAMES).tolist(),
    'repeated': [7, 7, 8, 7, 8, 8, 30, 9, 59, 59, 0, 0, 1],
}


@pytest.mark.parametrize('order', ORDERS)
def test_equal_to_decoding_from_the_start(video, order):
    path, frames = video
    load_video_frame._open.cache_clear()
    for frame in ORDERS[order]:
        np.testing.assert_array_equal(load(path, frame), frames[frame], err_msg=f'frame {frame}')


def test_sets_the_keys_of_load_image(video):
    path, frames = video
    results = LoadVideoFrame(to_float32=True)(dict(img_path=path, frame=5))
    assert results['img'].dtype == np.float32
    assert (results['img_shape'], results['ori_shape'], results['img_path']) == ((48, 64), (48, 64), path)
    np.testing.assert_array_equal(results['img'], frames[5])


def test_forward_steps_do_not_seek(video, monkeypatch):
    path, _ = video
    load_video_frame._open.cache_clear()
    seeks = []
    monkeypatch.setattr(load_video_frame.VideoReader, '_set_real_position', lambda self, frame: seeks.append(frame))
    for frame in range(0, NUM_FRAMES, 2):
        load(path, frame)
    assert seeks == []


def test_one_reader_serves_all_frames_of_a_video(video):
    path, _ = video
    load_video_frame._open.cache_clear()
    for frame in (0, 1, 40):
        load(path, frame)
    assert load_video_frame._open.cache_info().misses == 1


def test_writing_into_a_frame_does_not_change_the_next_call(video):
    path, frames = video
    load(path, 4)[:] = 0
    np.testing.assert_array_equal(load(path, 4), frames[4])


class _Frames:
    """A dataset; at module level, so that workers find it."""

    def __init__(self, path):
        self.path = path

    def __len__(self):
        return NUM_FRAMES

    def __getitem__(self, index):
        return index, load(self.path, index)


def test_workers_read_for_themselves(video):
    path, frames = video
    load(path, 10)  # opened before the workers are forked
    for index, image in DataLoader(_Frames(path), batch_size=None, num_workers=2, multiprocessing_context='fork'):
        np.testing.assert_array_equal(image, frames[index])
        np.testing.assert_array_equal(load(path, 11), frames[11])


def test_image_files_are_loaded_as_ever(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'frame.png'), image)
    np.testing.assert_array_equal(load(str(tmp_path / 'frame.png'), 3), image)


def test_image_that_is_there_is_kept(video):
    image = np.zeros((4, 5, 3), np.uint8)
    assert LoadVideoFrame()(dict(img_path=video[0], img=image))['img'] is image


@pytest.mark.parametrize('frame', [-1, NUM_FRAMES, 1000])
def test_frame_that_is_not_there(video, frame):
    with pytest.raises(IndexError, match=f'film.mp4: found no frame {frame} .*0 to 59'):
        load(video[0], frame)


def test_truncated_video(video, tmp_path, capfd):
    """The header still promises all frames, the data of the last ones is missing."""
    path = str(tmp_path / 'short.avi')
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'MJPG'), 25, (64, 48))
    for frame in video[1]:
        writer.write(frame)
    writer.release()
    os.truncate(path, os.path.getsize(path) // 2)
    promised = len(load_video_frame._open(path, os.getpid()))
    with pytest.raises(IndexError, match=rf'short.avi: found no frame \d+ .*0 to {promised - 1}'):
        for frame in range(NUM_FRAMES):
            load(path, frame)


@pytest.mark.parametrize('name', ['film.mp4', 'film.mkv'])
@pytest.mark.parametrize('order', ['forward', 'backward', 'random'])
def test_frames_of_a_damaged_video_are_their_own_or_an_error(tmp_path, write_video_without_a_frame, name, order):
    path = tmp_path / name
    write_video_without_a_frame(path, [np.full((48, 64, 3), 20 + 4 * n, np.uint8) for n in range(40)], lost=20)
    found = {}
    for frame in [frame for frame in ORDERS[order] if frame < 40]:
        try:
            found[frame] = (load(str(path), frame).mean() - 18) / 4
        except (IndexError, ValueError) as error:
            assert str(path) in str(error)
    assert set(range(20)) <= set(found) and 20 not in found
    assert list(found.values()) == pytest.approx(list(found), abs=0.49)


@pytest.mark.parametrize('name', ['nowhere.mp4', 'nowhere.png'])
def test_missing_file(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=name):
        load(str(tmp_path / name), 0)


def test_file_that_is_no_video(tmp_path, capfd):
    (tmp_path / 'text.mp4').write_text('no video')
    with pytest.raises(ValueError, match='text.mp4: OpenCV finds no frame'):
        load(str(tmp_path / 'text.mp4'), 0)


def test_video_suffix_in_capitals(video, tmp_path):
    shutil.copy(video[0], tmp_path / 'FILM.MP4')
    np.testing.assert_array_equal(load(str(tmp_path / 'FILM.MP4'), 2), video[1][2])
