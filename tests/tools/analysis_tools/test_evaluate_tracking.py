"""The closed loop of made-up trackers on made-up videos, and the true boxes of a real one."""

import csv
import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, save_checkpoint
from mmpose.registry import METRICS, MODELS

from mmfld.engine.rows import read_config
from mmfld.structures import get_layout

ROOT = Path(__file__).parents[3]
FACE = np.random.default_rng(0).uniform(20, 60, (68, 2))
FACE[list(get_layout('300w68').eye_corners)] = [[15, 30], [65, 30]]  # the sides of its box; 50 px apart


@pytest.fixture
def command():
    return importlib.import_module('evaluate_tracking')


def truth(frame):
    """The true face moves by 1 px a frame."""
    return FACE + [frame, 0]


class Follower:
    """Gives the faces of a script, {frame: {number: shift of the true face in x}}; landmarks of a box are the face in
    its place."""

    script = {}

    def __init__(self, *args, layout):
        self.model = SimpleNamespace(dataset_meta=dict(dataset_name='300w68'))
        self.seen, self.states = [], []

    def reset(self):
        self.seen.append(0)

    def track(self, image):
        frame = self.seen[-1]
        self.seen[-1] += 1
        return [
            dict(track_id=number, keypoints=truth(frame) + [shift, 0])
            for number, shift in self.script.get(frame, {0: 0}).items()
        ]

    def predict_boxes(self, image, boxes, states):
        self.states.append(states)
        points = [dict(keypoints=FACE + box[:2] - FACE.min(axis=0)) for box in boxes]
        return points, [1 if states is None else state + 1 for state in states or [0, 0]]


@pytest.fixture
def evaluate(command, monkeypatch, tmp_path):
    """Evaluates a script on a video with the annotated frames {frame: fields of the annotation}; gives rows by subset
    and protocol, the rows of the csv file and the tracker."""
    made = []

    def make(*args, **kwargs):
        made.append(Follower(*args, **kwargs))
        return made[-1]

    def run(frames, script, *options, file_name='{:03d}.png'):
        images, annotations = [], []
        for number, fields in frames.items():
            images.append(
                dict(id=number, file_name=file_name.format(number), video='clip', frame=number, width=120, height=80)
            )
            annotations.append(
                dict(
                    id=number,
                    image_id=number,
                    category_id=1,
                    iscrowd=0,
                    **fields,
                    keypoints=np.insert(truth(number), 2, 2, axis=1).ravel().tolist(),
                )
            )
            if file_name.endswith('png'):
                (tmp_path / 'images').mkdir(exist_ok=True)
                cv2.imwrite(str(tmp_path / 'images' / file_name.format(number)), np.zeros((80, 120, 3), np.uint8))
        (tmp_path / 'annotations').mkdir(exist_ok=True)
        (tmp_path / 'annotations/faces.json').write_text(
            json.dumps(dict(images=images, annotations=annotations, categories=[dict(id=1, name='face')]))
        )
        monkeypatch.setattr(command, 'FaceLandmarkTracker', make)
        monkeypatch.setattr(Follower, 'script', script)
        rows = command.main(
            ['--ann-file', str(tmp_path / 'annotations/faces.json'), '--csv', str(tmp_path / 'out.csv'), *options]
        )
        with open(tmp_path / 'out.csv', newline='') as file:
            return {(row['subset'], row['protocol']): row for row in rows}, list(csv.DictReader(file)), made[-1]

    return run


def test_lost_frames_switches_and_errors_by_hand(evaluate, capsys):
    # nobody, a face far off, then the face, another number on it with an error of 10 %, and lost again
    script = {0: {}, 1: {0: 200}, 2: {0: 200, 1: 0}, 3: {1: 0}, 4: {2: 5}, 5: {}}
    rows, frames, _ = evaluate({frame: {} for frame in range(6)}, script)
    loop = rows['all', 'closed loop']
    assert loop == pytest.approx(
        dict(
            subset='all',
            protocol='closed loop',
            frames=6,
            lost=3,
            not_yet_found=2,
            switches=1,
            others=2,
            NME=10 / 3,
            NME_video=10 / 3,
            FR=100 * 4 / 6,
            AUC=2 / 6,
            flicker=10.0,
        )
    )
    assert [(row['track_id'], row['switch'], row['faces']) for row in frames] == [
        ('', '0', '0'),
        ('', '0', '1'),
        ('1', '0', '2'),
        ('1', '0', '1'),
        ('2', '1', '1'),
        ('', '0', '0'),
    ]
    assert [row['loop_nme_percent'] and round(float(row['loop_nme_percent']), 3) for row in frames] == [
        '',
        '',
        0,
        0,
        10,
        '',
    ]
    assert '| closed loop ' in capsys.readouterr().out


def test_protocols_with_true_boxes(evaluate):
    """That of the frame before lies 1 px behind, but not in the first frame."""
    rows, frames, tracker = evaluate({frame: {} for frame in range(4)}, {0: {}})
    assert rows['all', 'true box']['NME'] == pytest.approx(0, abs=1e-4)
    assert rows['all', 'true box of the frame before']['NME'] == pytest.approx(100 * 3 / 50 / 4, abs=1e-4)
    same = rows['all', 'true box of the frame before, same frames']
    assert same['NME'] == pytest.approx(100 / 50, abs=1e-4)
    assert (same['frames'], same['FR']) == (3, None)
    assert [round(float(row['previous_nme_percent']), 3) for row in frames] == [0, 2, 2, 2]
    assert tracker.states == [None, [1, 1], [2, 2], [3, 3]]


def test_excluded_frames_are_tracked_but_do_not_count(evaluate):
    frames = {0: {}, 1: dict(excluded=1), 2: {}}
    rows, table, tracker = evaluate(frames, {1: {}})
    assert rows['all', 'closed loop']['frames'] == 2 and rows['all', 'closed loop']['lost'] == 0
    assert [row['frame'] for row in table] == ['0', '2'] and tracker.seen == [3]
    rows, *_ = evaluate(frames, {1: {}}, '--count-excluded')
    assert rows['all', 'closed loop']['lost'] == 1


def test_all_frames_of_a_video_file_are_tracked(evaluate, tmp_path):
    """Those without annotation too, but boxes are given, and states go on, where there are some."""
    (tmp_path / 'images').mkdir()
    writer = cv2.VideoWriter(str(tmp_path / 'images/clip.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 10, (120, 80))
    for _ in range(6):
        writer.write(np.zeros((80, 120, 3), np.uint8))
    writer.release()
    rows, table, tracker = evaluate({0: {}, 1: {}, 4: {}}, {}, file_name='clip.mp4')
    assert rows['all', 'closed loop']['frames'] == 3 and tracker.seen == [5]
    assert rows['all', 'closed loop']['NME'] == pytest.approx(0, abs=1e-4)
    assert tracker.states == [None, [1, 1], None]


def test_rows_of_attributes(evaluate):
    frames = {frame: dict(attributes=dict(dark=int(frame > 1))) for frame in range(4)}
    rows, *_ = evaluate(frames, {0: {}, 3: {0: 2}})
    dark = rows['dark', 'closed loop']
    assert (dark['frames'], dark['lost'], dark['not_yet_found']) == (2, 0, 0)
    assert dark['NME'] == pytest.approx(2, abs=1e-4)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['a.py'], 'found a config without a checkpoint'),
        ([], 'expected --ann-file, or a config that is tested on videos'),
    ],
)
def test_unusable_arguments(command, capsys, arguments, message):
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert message in capsys.readouterr().err


def test_config_without_videos_is_named(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, 'FaceLandmarkTracker', Follower)
    with pytest.raises(SystemExit):
        command.main(['configs/300w/structured_hg2_mini.py', 'x.pth'])
    assert 'found a test set of type FaceLandmarkDataset, expected a FaceVideoDataset' in capsys.readouterr().err


def test_true_boxes_give_the_errors_of_the_test_loop(command, tmp_path):
    """Of a model that remembers, with the boxes of the frame before, as its config says."""
    number = iter(range(100))
    images, annotations = [], []
    for video in 'ab':
        (tmp_path / 'images' / video).mkdir(parents=True)
        for frame in range(3):
            index = next(number)
            picture = np.random.default_rng(index).integers(0, 256, (80, 120, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / f'images/{video}/{frame}.png'), picture)
            images.append(
                dict(id=index, file_name=f'{video}/{frame}.png', video=video, frame=frame, width=120, height=80)
            )
            annotations.append(
                dict(
                    id=index,
                    image_id=index,
                    category_id=1,
                    iscrowd=0,
                    keypoints=np.insert(truth(4 * frame), 2, 2, axis=1).ravel().tolist(),
                )
            )
    (tmp_path / 'faces.json').write_text(
        json.dumps(dict(images=images, annotations=annotations, categories=[dict(id=1, name='face')]))
    )
    config = tmp_path / 'tiny.py'
    config.write_text(f"""
_base_ = {str(ROOT / 'configs/synthetic/attentive1d_tracker_mini.py')!r}
model = dict(backbone=dict(width=16, num_stacks=1, num_levels=1), head=dict(in_channels=16))
test_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(
    data_root={str(tmp_path)!r}, ann_file='faces.json'))
""")
    init_default_scope('mmpose')
    cfg = read_config(str(config))
    model = MODELS.build(cfg.model).eval()
    for name, weights in model.state_dict().items():  # so that the state changes what comes next
        if 'refine' in name and weights.ndim > 1:
            weights.normal_(std=0.1)
    save_checkpoint(dict(state_dict=model.state_dict(), meta={}), str(tmp_path / 'tiny.pth'))
    metric = METRICS.build(cfg.test_evaluator)
    with torch.no_grad():
        for batch in Runner.build_dataloader(cfg.test_dataloader):
            metric.process(None, [sample.to_dict() for sample in model.test_step(batch)])
    expected = metric.evaluate(6)

    rows = command.main([str(config), str(tmp_path / 'tiny.pth'), '--device', 'cpu', '--det-model', 'whole_image'])
    (row,) = (row for row in rows if row['protocol'] == 'true box of the frame before')
    for key in ('NME', 'NME_video', 'FR', 'AUC', 'flicker'):
        assert row[key] == pytest.approx(expected[key], rel=1e-4), key
