"""Following faces through made-up frames: coloured discs, a model that finds the disc in its crop, a detector that sees
the colours."""

import gc
import json
import tracemalloc
from copy import deepcopy
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.structures import InstanceData, PixelData

from mmfld.apis import FaceLandmarkInferencer, FaceLandmarkTracker
from mmfld.runtime import tracking
from mmfld.synthetic import SyntheticFaceGenerator

CONFIG = Path(__file__).resolve().parents[2] / 'configs/300w/structured_hg2_mini.py'
BLUE, GREEN, RED = range(3)
ANGLES = np.linspace(0, 2 * np.pi, 68, endpoint=False)
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
RADIUS = 20


def draw(*faces, size=(240, 160), radius=RADIUS):
    """A frame with discs, of each its colour, x and y."""
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    for colour, x, y in faces:
        plane = np.ascontiguousarray(frame[..., colour])
        cv2.circle(plane, (round(x), round(y)), radius, 255, -1)
        frame[..., colour] = plane
    return frame


def box_of(x, y, radius=RADIUS):
    return [x - radius, y - radius, x + radius, y + radius]


class DiscModel:
    """Landmarks on the rim of the disc nearest to the crop's middle.

    Without one, as networks do: landmarks where a face uses to be in a crop, with low scores.
    """

    def __init__(self, dataset_meta):
        self.dataset_meta = dataset_meta
        self.test_cfg = {}
        self.score = 0.6
        self.batches = []

    def test_step(self, data):
        self.batches.append(len(data['inputs']))
        return [self.predict(*pair) for pair in zip(data['inputs'], data['data_samples'])]

    def predict(self, crop, sample):
        size = np.array(sample.input_size)
        discs = [np.argwhere(plane.T > 128) for plane in crop.numpy()]
        discs = [(points.min(axis=0), points.max(axis=0)) for points in discs if len(points) > 20]
        middle, radius, score = size / 2, size / 2.2, 0.05
        if discs:
            low, high = min(discs, key=lambda disc: np.linalg.norm((disc[0] + disc[1]) / 2 - size / 2))
            side = (high - low).max()  # where the border of the crop cuts the disc, the other side tells
            low, high = np.where(low == 0, high - side, low), np.where(high == size - 1, low + side, high)
            middle, radius, score = (low + high) / 2, (high - low) / 2, self.score
        keypoints = (middle + CIRCLE * radius) / size * sample.input_scale + (
            sample.input_center - 0.5 * sample.input_scale
        )
        scores = np.full((1, 68), score, np.float32)
        sample.pred_instances = InstanceData(
            keypoints=keypoints[None].astype(np.float32),
            keypoint_scores=scores,
            keypoints_visible=scores,
            bboxes=sample.gt_instances.bboxes,
            bbox_scores=sample.gt_instances.bbox_scores,
        )
        if self.test_cfg.get('output_heatmaps'):
            sample.pred_fields = PixelData(heatmaps=np.zeros((68, 32, 32), np.float32))
        return sample


class StreamModel(DiscModel):
    """Its state counts the frames before; ``states`` are those that it was given last."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.states = []

    def data_preprocessor(self, data, training):
        return data

    def stream(self, inputs, data_samples, states):
        self.states[:] = states
        samples = self.test_step(dict(inputs=inputs, data_samples=data_samples))
        return samples, [(state or 0) + 1 for state in states]


class Detector:
    """Boxes of the discs; counts how often it is asked."""

    def __init__(self):
        self.asked = 0
        self.is_blind = False
        self.wrong = []  # boxes of what is no face

    def __call__(self, image):
        self.asked += 1
        boxes = [[*box, 0.5] for box in self.wrong]
        for plane in () if self.is_blind else np.moveaxis(image, 2, 0):
            rows, columns = (plane > 128).nonzero()
            if len(rows):
                boxes.append([columns.min(), rows.min(), columns.max(), rows.max(), 0.9])
        return np.array(boxes, np.float64).reshape(-1, 5)


@pytest.fixture(scope='module')
def parsed_config():
    """For its test pipeline; the network is small and never called, and crops are wide enough for discs that move."""
    config = Config.fromfile(CONFIG)
    for step in config.test_dataloader.dataset.pipeline:
        if step.type == 'GetFaceCrop':
            step.padding = 1.2
    config.model.backbone.update(width=16, num_stacks=1, num_levels=1)
    return config


@pytest.fixture
def config(parsed_config):
    return deepcopy(parsed_config)


@pytest.fixture
def make(config):
    """Makes trackers that return faces from their first frame on, unless told otherwise."""

    def build(model=DiscModel, return_unconfirmed=True, **kwargs):
        tracker = FaceLandmarkTracker(
            config, device='cpu', detector=Detector(), return_unconfirmed=return_unconfirmed, **kwargs
        )
        tracker.model = model(tracker.model.dataset_meta)
        return tracker

    return build


def run(tracker, frames):
    """Per frame {track_id: face}."""
    return [{face['track_id']: face for face in tracker.track(frame)} for frame in frames]


def middles(results, track_id=0):
    return np.array(
        [
            (face['keypoints'].min(axis=0) + face['keypoints'].max(axis=0)) / 2
            for result in results
            if (face := result.get(track_id))
        ]
    )


def test_crop_follows_the_landmarks(make):
    tracker = make()
    path = np.array([[40 + 3 * t, 60 + t] for t in range(20)])
    results = run(tracker, [draw((RED, *place)) for place in path])
    np.testing.assert_allclose(middles(results), path, atol=0.6)
    for before, after in zip(results[1:], results[2:]):  # the first crop is that of the detected face, which is near
        points = before[0]['keypoints']
        np.testing.assert_allclose(after[0]['bbox'], [*points.min(axis=0), *points.max(axis=0)], atol=1e-4)
    assert tracker.detector.asked == 2  # to find the face, and once more to be sure


def test_a_face_has_the_shapes_and_types_of_a_face(make):
    (face,) = make().track(draw((RED, 60, 60)))
    assert face['track_id'] == 0 and isinstance(face['track_id'], int)
    assert {name: face[name].shape for name in ('keypoints', 'keypoint_scores', 'bbox')} == dict(
        keypoints=(68, 2), keypoint_scores=(68,), bbox=(4,)
    )


def test_first_frame_is_that_of_the_inferencer(make, config):
    tracker = make()
    inferencer = FaceLandmarkInferencer(config, device='cpu', detector=Detector())
    inferencer.model = tracker.model
    frame = draw((RED, 60, 60))
    (expected,) = next(inferencer(frame))['predictions'][0]
    (found,) = tracker.track(frame)
    np.testing.assert_array_equal(found['keypoints'], expected['keypoints'])
    np.testing.assert_array_equal(found['bbox'], expected['bbox'][0])


def test_detector_runs_at_regular_intervals(make):
    tracker = make(redetect_interval=4)
    asked = []
    for _ in range(9):
        tracker.track(draw((RED, 60, 60)))
        asked.append(tracker.detector.asked)
    assert asked == [1, 2, 2, 2, 3, 3, 3, 3, 4]


def test_faces_of_a_frame_are_one_batch(make):
    tracker = make()
    run(tracker, [draw((RED, 60, 60), (BLUE, 160, 80))] * 3)
    assert tracker.model.batches == [2, 2, 2, 2]  # the first frame twice


def test_faces_that_cross_keep_their_numbers(make):
    tracker = make(redetect_interval=5)
    steps = np.arange(0, 120, 4)
    results = run(tracker, [draw((RED, 50 + t, 65), (BLUE, 170 - t, 90)) for t in steps])
    red, blue = sorted((0, 1), key=lambda i: middles(results[:1], i)[0, 0])
    np.testing.assert_allclose(middles(results, red), np.stack([50 + steps, np.full(30, 65)], axis=1), atol=0.6)
    np.testing.assert_allclose(middles(results, blue), np.stack([170 - steps, np.full(30, 90)], axis=1), atol=0.6)
    assert {i for result in results for i in result} == {0, 1}


def test_a_face_that_comes_later_is_found_at_the_next_regular_run(make):
    tracker = make(redetect_interval=4)
    both = draw((RED, 60, 60), (BLUE, 160, 80))
    results = run(tracker, [draw((RED, 60, 60))] * 2 + [both] * 4)
    assert [sorted(result) for result in results] == [[0], [0], [0], [0], [0, 1], [0, 1]]


def test_no_more_faces_than_asked_for(make):
    tracker = make(max_faces=1, redetect_interval=1)
    results = run(tracker, [draw((RED, 60, 60), (BLUE, 160, 80))] * 3)
    assert [list(result) for result in results] == [[0]] * 3


@pytest.mark.parametrize('blank, track_id', [(8, 0), (40, 1)])
def test_lost_face_is_found_again(make, blank, track_id):
    """With its number if it was away for less than PATIENCE and ``redetect_interval`` frames."""
    tracker = make(redetect_interval=10)
    face = draw((RED, 60, 60))
    results = run(tracker, [face] * 12 + [face * 0] * blank + [draw((RED, 66, 60))] * 3)
    assert [list(result) for result in results] == ([[0]] * 17 + [[]] * (blank - 5) + [[track_id]] * 3)
    np.testing.assert_allclose(middles(results[-3:], track_id), [[66, 60]] * 3, atol=0.6)


def test_crop_stays_while_a_face_is_in_doubt(make):
    tracker = make(StreamModel)
    face = draw((RED, 60, 60))
    results = run(tracker, [face] * 5 + [face * 0] * 3 + [face])
    for result in results[6:]:
        np.testing.assert_allclose(result[0]['bbox'], box_of(60, 60), atol=0.6)
    assert results[7][0]['keypoint_scores'].mean() == pytest.approx(0.05)
    assert tracker.model.states == [5]  # doubtful frames are no part of the model's memory, which is not cut
    assert tracker.detector.asked == 2 + 3


def test_doubt_is_relative_to_the_history_of_the_face(make):
    tracker = make()
    tracker.model.score = 0.002
    face = draw((RED, 60, 60))
    assert all(run(tracker, [face] * 10))
    assert tracker.detector.asked == 2
    tracker.model.score = 0.0009
    run(tracker, [face])
    assert tracker.detector.asked == 3


def test_face_in_doubt_starts_again_where_the_detector_sees_it(make):
    tracker = make(StreamModel)
    run(tracker, [draw((RED, 60, 60))] * 3)
    moved = draw((RED, 78, 60))
    predict = tracker.model.predict

    def predict_centred(crop, sample):  # off the middle of the crop it is no face to the network
        sample = predict(crop, sample)
        if abs(sample.pred_instances.keypoints[0].mean(axis=0)[0] - sample.input_center[0]) > 9:
            sample.pred_instances.keypoint_scores[:] = 0.1
        return sample

    tracker.model.predict = predict_centred
    (result,) = run(tracker, [moved])
    np.testing.assert_allclose(result[0]['bbox'], box_of(78, 60), atol=1)
    assert result[0]['keypoint_scores'].mean() == pytest.approx(0.6)
    run(tracker, [moved])
    assert tracker.model.states == [1]  # one frame since the new start


@pytest.mark.parametrize('x, ids', [(94, [0]), (180, [0, 1])])
def test_face_that_is_suddenly_elsewhere(make, x, ids):
    """It is the same one if its boxes touch; else the old place is in doubt, and lost after five frames."""
    tracker = make()
    run(tracker, [draw((RED, 60, 60))] * 2)
    results = run(tracker, [draw((RED, x, 60))] * 6)
    assert list(results[0]) == ids and list(results[-1]) == ids[-1:]
    np.testing.assert_allclose(middles(results, ids[-1]), [[x, 60]] * 6, atol=1)


def test_landmarks_that_collapse_are_lost(make):
    tracker = make()
    run(tracker, [draw((RED, 60, 60))] * 2)
    tracker.detector.is_blind = True
    assert run(tracker, [draw((RED, 60, 60), radius=8)]) == [{}]


def test_face_that_leaves_the_image_is_lost(make):
    tracker = make(redetect_interval=3)
    results = run(tracker, [draw((RED, x, 60)) for x in range(60, -60, -6)])
    assert list(results[5]) == [0]
    assert not results[-1]


def test_two_tracks_on_one_face_become_the_older_one(make):
    tracker = make(redetect_interval=1)
    frame = draw((RED, 60, 60))
    run(tracker, [frame])
    tracker.detector.wrong = [[66, 45, 106, 85]]  # a third of it is on the face, where its landmarks land
    assert [list(result) for result in run(tracker, [frame] * 3)] == [[0]] * 3
    assert tracker._faces._next_id > 1


@pytest.mark.parametrize('seen, ids', [(1, [0, 0, 0, 0, 0, 0, 0, 0]), (0, [0, 0, None, None])])
def test_what_the_detector_sees_only_once_is_no_face(make, seen, ids):
    tracker = make()
    tracker.detector.wrong = [box_of(60, 60)]
    run(tracker, [draw()] * (1 + seen))
    tracker.detector.wrong = []
    assert [next(iter(result), None) for result in run(tracker, [draw()] * len(ids))] == ids


@pytest.mark.parametrize(
    'return_unconfirmed, expected',
    [
        (False, [[], [], [], [], [(1, None)], [(1, None)]]),
        (True, [[(0, False)], [(0, False)], [(0, False)], [(1, False)], [(1, True)], [(1, True)]]),
    ],
)
def test_faces_are_returned_once_the_detector_has_seen_them_twice(make, return_unconfirmed, expected):
    """After what it saw in the first frame alone comes a face that stays; the flag is there if it tells something."""
    tracker = make(return_unconfirmed=return_unconfirmed)
    tracker.detector.wrong = [box_of(60, 60)]
    results = run(tracker, [draw()])
    tracker.detector.wrong = []
    results += run(tracker, [draw()] * 2 + [draw((RED, 160, 80))] * 3)
    assert [[(i, face.get('is_confirmed')) for i, face in result.items()] for result in results] == expected


def test_confirmed_face_is_returned_while_it_is_in_doubt(make):
    tracker = make(return_unconfirmed=False)
    face = draw((RED, 60, 60))
    assert [list(result) for result in run(tracker, [face] * 3 + [face * 0] * 3)] == [[], [0], [0], [0], [0], [0]]


def test_filter_starts_with_the_unconfirmed_face(make):
    smoothing = dict(min_cutoff=0.5, beta=0.0)
    frames = [draw((RED, 60 + t % 2 * 2, 60)) for t in range(6)]
    early, late = (run(make(return_unconfirmed=flag, smoothing=smoothing), frames) for flag in (True, False))
    assert not late[0]
    np.testing.assert_array_equal(middles(early[1:]), middles(late[1:]))


def test_face_unseen_by_the_detector_with_a_fallen_score_is_lost(make):
    tracker = make(redetect_interval=2)
    frame = draw((RED, 60, 60))
    run(tracker, [frame] * 20)
    tracker.detector.is_blind = True
    tracker.model.score = 0.4  # two thirds
    results = run(tracker, [frame] * 6)
    assert [len(result) for result in results] == [1, 1, 1, 1, 0, 0]


def test_each_face_has_a_state_of_the_model(make):
    tracker = make(StreamModel, redetect_interval=4)
    run(tracker, [draw((RED, 60, 60))] * 4 + [draw((RED, 60, 60), (BLUE, 160, 80))] * 3)
    assert tracker.model.states == [6, 2]


def test_reset_forgets_faces_states_and_numbers(make):
    tracker = make(StreamModel)
    frame = draw((RED, 60, 60))
    first = run(tracker, [frame] * 3)
    tracker.reset()
    again = run(tracker, [frame] * 3)
    assert tracker.detector.asked == 4 and tracker.model.states == [2]
    for before, after in zip(first, again):
        np.testing.assert_array_equal(before[0]['keypoints'], after[0]['keypoints'])


def test_memory_does_not_grow_with_the_video(make):
    tracker = make(StreamModel, redetect_interval=2)
    places = [(40, 40), (120, 40), (200, 40), (40, 120), (120, 120), (200, 120)]

    def film(rounds):
        for t in range(rounds):  # a new face elsewhere every 16 frames, none between them
            run(tracker, [draw((RED, *places[t % 6]))] * 6 + [draw()] * 10)

    film(2)
    tracemalloc.start()
    film(1)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    film(10)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert tracker._faces._next_id == 13 and len(tracker._faces._tracks) <= 2
    assert grown < 40_000  # a frame has 115,200 bytes


def test_smoothing_is_of_the_landmarks_not_of_the_crops(make, monkeypatch):
    filters = []

    class Filter:
        def __init__(self, **settings):
            self.settings = settings
            filters.append(self)

        def __call__(self, points, scale, time):
            assert scale == pytest.approx(RADIUS, abs=1)
            return points + 100

    monkeypatch.setattr(tracking, 'OneEuroFilter', Filter)
    tracker = make(smoothing=dict(beta=0.1))
    tracker.reset(rate=50.0)
    filters.clear()
    results = run(tracker, [draw((RED, 60, 60), (BLUE, 160, 80))] * 3)
    assert [one.settings for one in filters] == [dict(rate=50.0, beta=0.1)] * 2  # one for each face
    places = {tuple(np.round(middles(results[-1:], i)[0])) for i in (0, 1)}
    assert places == {(160, 160), (260, 180)}
    assert {tuple(np.round(face['bbox'])) for face in results[-1].values()} == {
        tuple(box_of(60, 60)),
        tuple(box_of(160, 80)),
    }


def test_smoothing_calms_a_trembling_face(make):
    frames = [draw((RED, 60 + t % 2 * 2, 60)) for t in range(40)]
    spread = [
        middles(run(make(smoothing=smoothing), frames))[20:, 0].std()
        for smoothing in (None, dict(min_cutoff=0.5, beta=0.0))
    ]
    assert spread[1] < spread[0] / 3


def test_landmarks_in_another_layout(make):
    plain, converting = make(), make(layout='300w49')
    frame = draw((RED, 60, 60))
    for _ in range(2):
        expected, found = plain.track(frame)[0], converting.track(frame)[0]
    kept = [k for k in range(17, 68) if k not in (60, 64)]
    np.testing.assert_allclose(found['keypoints'], expected['keypoints'][kept], atol=1e-4)
    np.testing.assert_array_equal(found['bbox'], expected['bbox'])  # the crop is that of all 68


@pytest.fixture
def video(tmp_path):
    """Five frames: a face, a second one from the third on."""
    path = tmp_path / 'clip.mp4'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 12, (240, 160))
    for t in range(5):
        writer.write(draw((RED, 60 + t, 60), *[(GREEN, 160, 80)] * (t >= 2)))
    writer.release()
    return path


@pytest.mark.parametrize('draw_heatmap, height', [(False, 160), (True, 320)])
def test_video_in_files_out(make, video, tmp_path, draw_heatmap, height):
    tracker = make(redetect_interval=2)
    results = list(tracker(video, return_vis=True, out_dir=tmp_path / 'out', draw_heatmap=draw_heatmap))
    ids = [[face['track_id'] for face in result['predictions'][0]] for result in results]
    assert ids == [[0], [0], [0, 1], [0, 1], [0, 1]]
    assert set(results[0]['predictions'][0][0]) == {
        'track_id',
        'is_confirmed',
        'keypoints',
        'keypoint_scores',
        'bbox',
        'bbox_score',
    }
    saved = json.loads((tmp_path / 'out/predictions/clip.json').read_text())
    assert [[face['track_id'] for face in item['instances']] for item in saved] == ids
    picture = results[-1]['visualization'][0]
    assert picture.shape == (height, 240, 3)
    number = picture[26:38, 40:56].astype(int)  # above the left corner of the first face's box, in yellow
    assert ((number[..., 0] > 150) & (number[..., 1] > 150) & (number[..., 2] < 50)).any()
    film = cv2.VideoCapture(str(tmp_path / 'out/visualizations/clip.mp4'))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 5 and film.get(cv2.CAP_PROP_FPS) == 12


def test_a_video_with_a_lost_frame_goes_on(make, tmp_path, monkeypatch, write_video_without_a_frame):
    tracker, path, messages = make(), tmp_path / 'clip.mp4', []
    monkeypatch.setattr(
        'mmfld.apis.face_landmark_inferencer.print_log', lambda message, logger, level: messages.append(message)
    )
    write_video_without_a_frame(path, [draw((RED, 60 + 5 * n, 60)) for n in range(5)], lost=2)
    list(tracker(path, pred_out_dir=tmp_path / 'out'))
    saved = json.loads((tmp_path / 'out/clip.json').read_text())
    assert [(item['frame_id'], [face['track_id'] for face in item['instances']]) for item in saved] == [
        (0, [0]),
        (1, [0]),
        (3, [0]),
        (4, [0]),
    ]
    assert messages == [
        f'not read: {path}: 4 frames read of 5 that it announces; 1 of its packets cannot be decoded, '
        '1 frame in its middle is missing'
    ]


def test_every_video_starts_anew(make, video):
    tracker = make(redetect_interval=2)
    first, again = list(tracker(video)), list(tracker(video))
    assert first == again


def test_rate_of_the_video_is_that_of_the_filter(make, video, monkeypatch):
    rates, times = [], []
    tracker = make(smoothing={})
    monkeypatch.setattr(
        tracking,
        'OneEuroFilter',
        lambda **settings: rates.append(settings) or (lambda points, scale, time: times.append(time) or points),
    )
    list(tracker(video))
    assert all(settings == dict(rate=12.0) for settings in rates)
    np.testing.assert_allclose(times, np.arange(len(times)) / 12 + times[0], atol=1e-3)


def test_folder_of_frames_in_the_order_of_names(make, tmp_path):
    for t in (3, 0, 2, 1):
        cv2.imwrite(str(tmp_path / f'{t}.png'), draw((RED, 60 + 10 * t, 60)))
    tracker = make()
    results = list(tracker(tmp_path, out_dir=tmp_path / 'out'))
    assert [result['predictions'][0][0]['track_id'] for result in results] == [0] * 4
    assert tracker.detector.asked == 2
    saved = json.loads((tmp_path / 'out/predictions/3.json').read_text())
    assert saved[0]['track_id'] == 0 and (tmp_path / 'out/visualizations/3.png').is_file()


def test_frames_without_a_face(make):
    tracker = make()
    results = list(tracker([draw()] * 3, return_vis=True))
    assert [result['predictions'] for result in results] == [[[]]] * 3
    np.testing.assert_array_equal(results[0]['visualization'][0], draw())


def test_datasamples_carry_the_numbers(make, video):
    (sample,) = list(make(redetect_interval=2)(video, return_datasamples=True))[-1]['predictions']
    assert sample.pred_instances.track_ids.tolist() == [0, 1]
    assert sample.pred_instances.is_confirmed.tolist() == [True, True]


def test_saved_faces_bear_no_flag_that_is_always_true(make, video):
    results = list(make(return_unconfirmed=False, redetect_interval=2)(video))
    assert [[face['track_id'] for face in result['predictions'][0]] for result in results] == [
        [],
        [0],
        [0],
        [0, 1],
        [0, 1],
    ]
    assert 'is_confirmed' not in results[-1]['predictions'][0][0]


def test_unconfirmed_face_is_drawn_with_a_question_mark(make, video, monkeypatch):
    texts = []
    monkeypatch.setattr(cv2, 'putText', lambda image, text, *args: texts.append(text))
    list(make(redetect_interval=2)(video, return_vis=True))
    assert texts == ['0?', '0', '0', '1?', '0', '1', '0', '1']


def test_given_boxes_take_the_place_of_tracks(make):
    tracker = make(StreamModel, layout='300w49')
    frame = draw((RED, 60, 60), (BLUE, 160, 80))
    boxes = np.array([box_of(62, 60), box_of(157, 80)])
    _, states = tracker.predict_boxes(frame, boxes)
    faces, states = tracker.predict_boxes(frame, boxes, states)
    np.testing.assert_allclose([face['keypoints'].min(axis=0) for face in faces], [[40, 40], [140, 60]], atol=0.6)
    np.testing.assert_allclose([face['bbox'] for face in faces], boxes)
    assert faces[0]['keypoints'].shape == (49, 2)
    assert states == [2, 2] and not tracker._faces._tracks and tracker.detector.asked == 0


@pytest.mark.parametrize('argument', [dict(redetect_interval=0), dict(max_faces=0)])
def test_wrong_arguments_are_named(config, argument):
    with pytest.raises(ValueError, match=f'{next(iter(argument))}=0'):
        FaceLandmarkTracker(config, **argument)


def test_wrong_arguments_of_a_call_are_named(make, video):
    with pytest.raises(ValueError, match='batch_size'):
        make()(video, batch_size=4)


def test_what_is_no_frame_is_named(make):
    with pytest.raises(ValueError, match=r'frame 0: found an array of shape \(160, 240, 3\) and type float64'):
        make().track(draw() / 255)
    with pytest.raises(TypeError, match='frame 0: image: found NoneType, expected'):
        make().track(None)


def test_a_grey_frame_is_one(make):
    frame = draw((BLUE, 60, 60), (GREEN, 60, 60), (RED, 60, 60))
    expected, found = (make().track(image) for image in (frame, frame[..., 0]))
    np.testing.assert_array_equal(found[0]['keypoints'], expected[0]['keypoints'])


def test_two_videos_read_in_step_are_two(make):
    """Through one tracker, whose own frames go on, too."""
    first, second = ([draw((RED, x + 2 * n, 60)) for n in range(5)] for x in (60, 150))
    tracker = make()
    alone = [[result['predictions'][0] for result in make()(frames)] for frames in (first, second)]
    tracker.track(draw((RED, 30, 100)))
    together = list(zip(tracker(first), tracker(second)))
    for results, expected in zip(zip(*together), alone):
        for result, faces in zip(results, expected):
            assert [face['track_id'] for face in result['predictions'][0]] == [0]
            np.testing.assert_array_equal(result['predictions'][0][0]['keypoints'], faces[0]['keypoints'])
    assert [face['track_id'] for face in tracker.track(draw((RED, 31, 100)))] == [0]


@pytest.mark.parametrize('box', [[300, 20, 340, 60], [0.1, 0.1, 0.5, 0.5], [60, 60, 30, 30]], ids=str)
def test_given_boxes_that_are_none_are_named(make, box):
    with pytest.raises(ValueError, match='^boxes: '):
        make().predict_boxes(draw((RED, 60, 60)), [box])


def test_a_picture_that_stands_still_comes_to_rest():
    tracker = FaceLandmarkTracker(device='cpu')
    image = SyntheticFaceGenerator(3)[3].image
    found = [tracker.track(image) for _ in range(18)]
    assert len(found[-1]) == 1
    np.testing.assert_array_equal(found[-1][0]['keypoints'], found[-2][0]['keypoints'])
    np.testing.assert_array_equal(found[-1][0]['keypoints'], found[-3][0]['keypoints'])
