"""The 300VW converter on tiny videos and folders of frames, good and broken, and on frames of the data set."""

import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfld.datasets import FaceLandmarkDataset

SIZE = (40, 32)  # width, height


@pytest.fixture
def module():
    return importlib.import_module('convert_300vw')


@pytest.fixture
def run(module, tmp_path):
    """Runs the converter on ``tmp_path/src``, by default on what is there; returns (exit status, output folder)."""

    def run(*args, partial: bool = True) -> tuple:
        out = tmp_path / 'out'
        args = (*args, '--allow-partial') if partial else args
        return module.main([str(tmp_path / 'src'), '--out', str(out), *args]), out

    return run


def make_image(index: int) -> np.ndarray:
    """A grey that tells the frame, which is counted from 0."""
    return np.full((SIZE[1], SIZE[0], 3), 10 + 20 * index, np.uint8)


def frame_of(image: np.ndarray) -> int:
    return round((image.mean() - 10) / 20)


def make_points(index: int) -> np.ndarray:
    """(68, 2), counted from 0."""
    return np.random.default_rng(index).uniform((5, 4), (34, 27), (68, 2)).round(3)


def write_pts(path: Path, points: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f'{x:.3f} {y:.3f}' for x, y in points + 1]
    path.write_text('\n'.join(['version: 1', f'n_points: {len(points)}', '{', *lines, '}', '']))


@pytest.fixture
def add_video(tmp_path):
    """Writes the folder of a video with that many frames and .pts files; returns it."""

    def add(name: str, frames: int = 5, points: int = 5, layout: str = 'vid.avi') -> Path:
        folder = tmp_path / 'src' / name
        for index in range(points):
            write_pts(folder / f'annot/{index + 1:06d}.pts', make_points(index))
        if layout == 'vid.avi':
            folder.mkdir(parents=True, exist_ok=True)
            writer = cv2.VideoWriter(str(folder / layout), cv2.VideoWriter_fourcc(*'MJPG'), 25, SIZE)
            assert writer.isOpened()
            for index in range(frames):
                writer.write(make_image(index))
            writer.release()
        else:
            (folder / layout).mkdir(parents=True)
            for index in range(frames):
                assert cv2.imwrite(str(folder / layout / f'{index + 1:06d}.jpg'), make_image(index))
        return folder

    return add


@pytest.fixture
def small_set(module, monkeypatch, add_video):
    """A set of four videos, one in each split, for which numbers are official; frame 2 of the first test is bad."""
    videos = dict(train={'001': None}, test_1={'401': 5}, test_2={'203': 4}, test_3={'410': 3})
    monkeypatch.setattr(module, 'VIDEOS', videos)
    monkeypatch.setattr(module, 'SPLIT_OF', {video: split for split, of in videos.items() for video in of})
    monkeypatch.setattr(module, 'OFFICIAL_FRAMES', dict(train=6, test_1=5, test_2=4, test_3=3))
    monkeypatch.setattr(module, 'OFFICIAL_COUNTED', dict(train=6, test_1=4, test_2=4, test_3=3))
    for video, frames in (('001', 6), ('401', 5), ('203', 4), ('410', 3)):
        add_video(video, frames, frames)


@pytest.fixture
def broken_csv(tmp_path) -> Path:
    path = tmp_path / 'broken.csv'
    path.write_text('video,frame_1based\n401,2\n')
    return path


def read(out: Path, name: str) -> dict:
    return json.loads((out / f'annotations/face_landmarks_300vw_{name}.json').read_text())


def keypoints(annotation: dict) -> np.ndarray:
    return np.reshape(annotation['keypoints'], (68, 3))


# ---- what the data set is ------------------------------------------------------------------------------------------


def test_official_numbers(module):
    assert {split: len(videos) for split, videos in module.VIDEOS.items()} == dict(
        train=50, test_1=31, test_2=19, test_3=14
    )
    assert len(module.SPLIT_OF) == 114
    assert module.OFFICIAL_FRAMES == dict(train=95192, test_1=62846, test_2=32872, test_3=27687)
    assert sum(module.OFFICIAL_COUNTED[split] for split in module.SCENARIOS) == 121278


@pytest.mark.parametrize('name', ['300vw_broken_frames.csv', 'mmpose_samples/300vw/broken_frames.npy'])
def test_list_of_broken_frames_gives_the_official_numbers(module, shared_dir, name):
    broken = module.read_broken_frames(shared_dir / 'data' / name)
    excluded = {
        split: sum(len(numbers) for video, numbers in broken.items() if module.SPLIT_OF[video] == split)
        for split in module.VIDEOS
    }
    assert excluded == dict(train=0, test_1=711, test_2=67, test_3=1349)
    for split, count in excluded.items():
        assert module.OFFICIAL_FRAMES[split] - count == module.OFFICIAL_COUNTED[split]
    assert all(max(numbers) < module.VIDEOS[module.SPLIT_OF[video]][video] for video, numbers in broken.items())


def test_both_lists_of_broken_frames_agree(module, shared_dir):
    folder = shared_dir / 'data'
    assert module.read_broken_frames(folder / '300vw_broken_frames.csv') == module.read_broken_frames(
        folder / 'mmpose_samples/300vw/broken_frames.npy'
    )


def test_frames_of_the_data_set(module, shared_dir, tmp_path):
    src = shared_dir / 'data/mmpose_samples/300vw'
    out = tmp_path / 'out'
    broken = shared_dir / 'data/300vw_broken_frames.csv'
    assert module.main([str(src), '--out', str(out), '--allow-partial', '--broken-frames', str(broken)]) == 0
    train, test = read(out, 'train'), read(out, 'test_1')
    assert [(image['file_name'], image['video'], image['frame']) for image in train['images'] + test['images']] == [
        ('001/imgs/000006.jpg', '001', 5),
        ('001/imgs/000009.jpg', '001', 8),
        ('401/imgs/000731.jpg', '401', 730),
        ('401/imgs/000732.jpg', '401', 731),
    ]
    assert [annotation.get('excluded', 0) for annotation in test['annotations']] == [1, 0]
    # MMPose's file has the frame that is not excluded, and takes the numbers as they stand
    of_mmpose = json.loads((src / 'anno_300vw.json').read_text())['annotations']
    ours = [*train['annotations'], test['annotations'][1]]
    for annotation, reference in zip(ours, of_mmpose, strict=True):
        np.testing.assert_allclose(keypoints(annotation), keypoints(reference) - [1, 1, 0], atol=1e-6)


# ---- what is written -----------------------------------------------------------------------------------------------


def test_frames_of_a_video(run, add_video):
    add_video('203')
    status, out = run()
    assert status == 0
    content = read(out, 'test_2')
    assert content['images'] == [
        dict(id=n + 1, file_name='203/vid.avi', width=40, height=32, video='203', frame=n) for n in range(5)
    ]
    for index, annotation in enumerate(content['annotations']):
        assert (annotation['id'], annotation['image_id']) == (index + 1, index + 1)
        np.testing.assert_allclose(keypoints(annotation), np.c_[make_points(index), np.ones(68)], atol=1e-6)
        assert annotation['attributes'] == dict(scenario_1=0, scenario_2=1, scenario_3=0)
        assert 'excluded' not in annotation


def test_frames_as_images_are_taken_before_the_video(run, add_video):
    add_video('203')
    add_video('203', layout='imgs')
    _, out = run()
    images = read(out, 'test_2')['images']
    assert [(image['file_name'], image['frame']) for image in images] == [
        (f'203/imgs/{n + 1:06d}.jpg', n) for n in range(5)
    ]
    dataset = FaceLandmarkDataset(
        '300w68',
        ann_file='annotations/face_landmarks_300vw_test_2.json',
        data_root=str(out),
        data_prefix=dict(img='images'),
        test_mode=True,
    )
    assert [frame_of(cv2.imread(dataset[n]['img_path'])) for n in range(5)] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(dataset[3]['keypoints'][0], make_points(3), atol=1e-5)


def test_zero_based(run, add_video):
    add_video('203')
    _, out = run('--zero-based')
    annotation = read(out, 'test_2')['annotations'][0]
    np.testing.assert_allclose(keypoints(annotation)[:, :2], make_points(0) + 1, atol=1e-6)


def test_splits(small_set, run):
    status, out = run(partial=False)
    assert status == 0
    found = {
        name: [image['video'] for image in read(out, name)['images']]
        for name in ('train', 'test_1', 'test_2', 'test_3', 'test')
    }
    assert found == dict(
        train=['001'] * 6,
        test_1=['401'] * 5,
        test_2=['203'] * 4,
        test_3=['410'] * 3,
        test=['401'] * 5 + ['203'] * 4 + ['410'] * 3,
    )
    assert 'attributes' not in read(out, 'train')['annotations'][0]
    assert len({annotation['id'] for annotation in read(out, 'test')['annotations']}) == 12


def test_split_without_a_face_is_not_written(run, add_video, capsys):
    add_video('203')
    _, out = run()
    assert sorted(path.name for path in (out / 'annotations').iterdir()) == [
        'face_landmarks_300vw_test.json',
        'face_landmarks_300vw_test_2.json',
    ]
    assert 'face_landmarks_300vw_train.json: no face in' in capsys.readouterr().out


def test_extracted_frames(run, add_video):
    folder = add_video('203')
    status, out = run('--extract-frames')
    assert status == 0
    images = read(out, 'test_2')['images']
    assert [image['file_name'] for image in images] == [f'203/imgs/{n + 1:06d}.jpg' for n in range(5)]
    assert [frame_of(cv2.imread(str(out / 'images' / image['file_name']))) for image in images] == [0, 1, 2, 3, 4]
    assert not (folder / 'imgs').exists()


def test_frames_are_not_extracted_into_the_source(run, add_video, capsys):
    folder = add_video('203')
    run()
    capsys.readouterr()
    status, out = run('--extract-frames')
    assert status == 1
    assert f'{out / "images"}: found a link to {folder.parent}, expected a folder' in capsys.readouterr().err
    assert not (folder / 'imgs').exists()


# ---- frames to exclude ---------------------------------------------------------------------------------------------


def test_broken_frames_are_excluded_and_stay(small_set, run, broken_csv, capsys):
    status, out = run('--broken-frames', str(broken_csv), partial=False)
    assert status == 0
    assert [annotation.get('excluded') for annotation in read(out, 'test_1')['annotations']] == [
        None,
        1,
        None,
        None,
        None,
    ]
    printed = capsys.readouterr().out
    assert [line.split() for line in printed.splitlines() if line.startswith(('train ', 'test_'))] == [
        ['train', '1/1', '6', '6', '0', '6', '6'],
        ['test_1', '1/1', '5', '5', '1', '4', '4'],
        ['test_2', '1/1', '4', '4', '0', '4', '4'],
        ['test_3', '1/1', '3', '3', '0', '3', '3'],
    ]
    assert 'other problems' not in printed


def test_nothing_is_excluded_without_a_list(small_set, run, capsys):
    _, out = run(partial=False)
    assert not any('excluded' in annotation for annotation in read(out, 'test')['annotations'])
    printed = capsys.readouterr().out
    assert 'no --broken-frames: no frame is excluded' in printed
    assert 'other problems' not in printed


def test_broken_frame_without_points_is_reported(run, add_video, broken_csv, capsys):
    folder = add_video('401')
    broken_csv.write_text('video,frame_1based\n401,3\n401,9\n')
    run('--broken-frames', str(broken_csv))
    assert (
        f'{folder / "annot"}: broken frames without points: found no .pts file for 1 of 2 frames of the list, the '
        'first is number 9'
    ) in capsys.readouterr().err


@pytest.mark.parametrize(
    'text, place, message',
    [
        ('401,2\n', ':1: bad header', "found '401,2', expected 'video,frame_1based'"),
        ('video,frame_1based\n401\n', ':2: bad row', "found '401', expected 'video,frame_1based'"),
        ('video,frame_1based\n401,2\n1,2\n', ':3: unknown video', "found '1'"),
        ('video,frame_1based\n401,two\n', ':2: bad frame', "found 'two' for video 401, expected a number from 1"),
        ('video,frame_1based\n401,0\n', ':2: bad frame', 'found 0 for video 401, expected a number from 1'),
    ],
)
def test_wrong_csv_is_an_error(run, broken_csv, capsys, text, place, message):
    broken_csv.write_text(text)
    status, _ = run('--broken-frames', str(broken_csv))
    error = capsys.readouterr().err
    assert status == 1
    assert f'error: {broken_csv}{place}: ' in error
    assert message in error


def test_list_that_does_not_exist_is_an_error(run, tmp_path, capsys):
    assert run('--broken-frames', str(tmp_path / 'nowhere.csv'))[0] == 1
    assert 'nowhere.csv: missing file' in capsys.readouterr().err


def test_list_of_unknown_format_is_an_error(run, tmp_path, capsys):
    (tmp_path / 'broken.txt').write_text('401 2')
    assert run('--broken-frames', str(tmp_path / 'broken.txt'))[0] == 1
    assert "broken.txt: unknown format: found '.txt', expected .csv or .npy" in capsys.readouterr().err


class RunsCode:
    """Unpickled, it makes the file ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_npy_cannot_run_code(run, tmp_path, capsys):
    path = tmp_path / 'broken.npy'
    np.save(path, np.array({'401': [RunsCode(tmp_path / 'made')]}, dtype=object))
    assert run('--broken-frames', str(path))[0] == 1
    assert f'{path}: unreadable file' in capsys.readouterr().err
    assert not (tmp_path / 'made').exists()


@pytest.mark.parametrize(
    'content, message',
    [
        (np.array({'401': 3}, dtype=object), 'wrong type: found dict, expected a dict of lists'),
        (np.array({'401': ['3']}, dtype=object), "bad frame: found '3' for video 401"),
        (np.arange(3), 'unreadable file'),
    ],
)
def test_wrong_npy_is_an_error(run, tmp_path, capsys, content, message):
    path = tmp_path / 'broken.npy'
    np.save(path, content)
    assert run('--broken-frames', str(path))[0] == 1
    assert f'{path}: {message}' in capsys.readouterr().err


# ---- what is missing or wrong --------------------------------------------------------------------------------------


def test_missing_videos_are_an_error(small_set, run, tmp_path, capsys):
    (tmp_path / 'src/203/vid.avi').unlink()
    (tmp_path / 'src/410/annot').rename(tmp_path / 'src/410/elsewhere')
    status, out = run(partial=False)
    assert status == 1
    assert (
        f'error: {tmp_path / "src"}: found 2 videos, expected annot and vid.avi or imgs in each of 4 folders; '
        'missing are 203 410 (--allow-partial converts the others)'
    ) in capsys.readouterr().err
    assert not out.exists()


def test_part_of_the_videos_on_request(small_set, run, tmp_path, capsys):
    (tmp_path / 'src/203/vid.avi').unlink()
    status, out = run()
    printed = capsys.readouterr().out
    assert status == 0
    assert 'absent videos: 203' in printed
    assert 'other problems' not in printed
    assert len(read(out, 'test')['images']) == 8


def test_no_video_is_an_error(run, tmp_path, capsys):
    (tmp_path / 'src').mkdir()
    assert run()[0] == 1
    assert 'found no video' in capsys.readouterr().err


def test_points_beyond_the_end_of_the_video(run, add_video, capsys):
    folder = add_video('001', frames=4, points=5)
    status, out = run()
    printed = capsys.readouterr()
    assert status == 1
    assert (
        f'{folder / "annot/000005.pts"}: missing frame: found no frame number 5 in {folder / "vid.avi"}, which has 4'
    ) in printed.err
    assert 'faces left out: 1\n       1  missing frame' in printed.out
    assert [image['frame'] for image in read(out, 'train')['images']] == [0, 1, 2, 3]


def test_strict_stops_at_points_beyond_the_end(run, add_video, capsys):
    add_video('001', frames=4, points=5)
    status, out = run('--strict')
    assert status == 1
    assert 'stopped at the first problem (--strict)' in capsys.readouterr().err
    assert not (out / 'annotations').exists()


def test_frames_without_points_are_reported(run, add_video, capsys):
    folder = add_video('001', frames=7, points=5)
    (folder / 'annot/000002.pts').unlink()
    _, out = run()
    assert (
        f'{folder / "vid.avi"}: frames without points: found 7 frames and 4 .pts files, expected one for each '
        'frame; 3 frames have none, the first is number 2'
    ) in capsys.readouterr().err
    assert [image['frame'] for image in read(out, 'train')['images']] == [0, 2, 3, 4]


def test_other_number_of_frames_than_the_official_video(small_set, run, tmp_path, capsys):
    folder = tmp_path / 'src/203'
    (folder / 'annot/000004.pts').unlink()
    run(partial=False)
    error = capsys.readouterr().err
    assert f'{folder / "annot"}: count: found 3 .pts files, expected 4 of the official video' in error
    assert 'count: test_2: found 3 frames, expected 4 of the official split' in error


def test_other_number_of_counted_frames_than_official(small_set, run, broken_csv, capsys):
    broken_csv.write_text('video,frame_1based\n410,1\n401,1\n')
    run('--broken-frames', str(broken_csv), partial=False)
    error = capsys.readouterr().err
    assert 'count: test_3: found 2 frames that are not excluded, expected 3 of the official split' in error
    assert 'test_1' not in error


def test_wrong_number_of_points(run, add_video, capsys):
    path = add_video('001') / 'annot/000003.pts'
    write_pts(path, make_points(0)[:66])
    _, out = run()
    assert f'{path}:2: wrong point count: found n_points: 66, expected 68' in capsys.readouterr().err
    assert [image['frame'] for image in read(out, 'train')['images']] == [0, 1, 3, 4]


def test_points_far_outside_of_the_frame(run, add_video, capsys):
    path = add_video('001') / 'annot/000003.pts'
    points = make_points(2)
    points[7] = 500, 10
    write_pts(path, points)
    run()
    # line 4 is that of landmark 0
    assert f'{path}:11: landmark far outside: found landmark 7 at (500, 10)' in capsys.readouterr().err


def test_other_file_names_are_reported(run, add_video, capsys):
    folder = add_video('001')
    (folder / 'annot/000003.pts').rename(folder / 'annot/frame3.pts')
    run()
    assert f"{folder / 'annot/frame3.pts'}: bad file name: found 'frame3'" in capsys.readouterr().err


def test_damaged_video_is_an_error(run, add_video, capsys):
    path = add_video('001') / 'vid.avi'
    path.write_bytes(b'no video')
    assert run()[0] == 1
    assert f'error: {path}: unreadable video' in capsys.readouterr().err


def test_damaged_image_is_left_out(run, add_video, capsys):
    folder = add_video('001', layout='imgs')
    image = folder / 'imgs/000003.jpg'
    image.write_bytes(image.read_bytes()[:200])
    _, out = run()
    assert f'{folder / "annot/000003.pts"}: unreadable image: {image} does not decode' in capsys.readouterr().err
    assert [image['frame'] for image in read(out, 'train')['images']] == [0, 1, 3, 4]
