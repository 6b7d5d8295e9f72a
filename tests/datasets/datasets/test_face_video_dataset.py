"""FaceVideoDataset: how videos are cut into clips, what a frame holds, and augmentation that is the same in a clip."""

import copy
import json
import random

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.models import PoseDataPreprocessor
from torch.utils.data import DataLoader

from mmfld.datasets import FaceVideoDataset, clip_collate

K = 19


def make_content(**videos) -> dict:
    """Frames of videos given by name, e.g. a=range(5): in frame n, landmark k is at (10 n + k, 20 + 2 k)."""
    places = [(video, frame) for video, frames in videos.items() for frame in frames]
    return dict(
        categories=[dict(id=1, name='face')],
        images=[
            dict(id=n, file_name=f'{video}/{frame:06d}.png', video=video, frame=frame)
            for n, (video, frame) in enumerate(places)
        ],
        annotations=[
            dict(
                id=n,
                image_id=n,
                category_id=1,
                keypoints=[value for k in range(K) for value in (10.0 * frame + k, 20.0 + 2 * k, 1)],
            )
            for n, (_, frame) in enumerate(places)
        ],
    )


def box(frame: int) -> list:
    return [10.0 * frame, 20.0, 10.0 * frame + K - 1, 20.0 + 2 * (K - 1)]


@pytest.fixture
def build(tmp_path):
    """Builds a dataset of a json content; without a pipeline, it gives the samples of the frames."""

    def build(content, **kwargs):
        (tmp_path / 'clips.json').write_text(json.dumps(content))
        kwargs = (
            dict(
                layout='aflw19',
                ann_file='clips.json',
                data_root=str(tmp_path),
                data_prefix=dict(img='images'),
                clip_length=3,
            )
            | kwargs
        )
        return FaceVideoDataset(**kwargs)

    return build


def clips(dataset) -> list:
    """Video and frames of each clip."""
    return [(item[0]['video'], [frame['frame'] for frame in item]) for item in dataset]


def test_clips_of_one_video_each(build):
    dataset = build(make_content(a=range(6), b=range(3)))
    assert clips(dataset) == [('a', [0, 1, 2]), ('a', [3, 4, 5]), ('b', [0, 1, 2])]


@pytest.mark.parametrize(
    'num_frames, kwargs, expected',
    [
        (8, dict(), [[0, 1, 2], [3, 4, 5], [5, 6, 7]]),
        (5, dict(clip_stride=1), [[0, 1, 2], [1, 2, 3], [2, 3, 4]]),
        (6, dict(clip_stride=2), [[0, 1, 2], [2, 3, 4], [3, 4, 5]]),
        (3, dict(clip_stride=9), [[0, 1, 2]]),
    ],
)
def test_training_clips_are_full_and_end_with_the_video(build, num_frames, kwargs, expected):
    assert [frames for _, frames in clips(build(make_content(a=range(num_frames)), **kwargs))] == expected


def test_test_mode_shows_each_frame_once_in_order(build):
    dataset = build(make_content(b=range(5), a=range(2)), test_mode=True)
    assert clips(dataset) == [('b', [0, 1, 2]), ('b', [3, 4]), ('a', [0, 1])]
    assert [[frame['clip_length'] for frame in item] for item in dataset] == [[3, 3, 3], [2, 2], [2, 2]]


@pytest.mark.parametrize('test_mode', [True, False])
def test_with_clips_of_one_frame_an_item_is_the_frame(build, test_mode):
    dataset = build(make_content(b=range(3), a=[4]), clip_length=1, test_mode=test_mode)
    assert [(item['video'], item['frame']) for item in dataset] == [('b', 0), ('b', 1), ('b', 2), ('a', 4)]


def test_a_gap_is_not_crossed(build):
    content = make_content(a=[0, 1, 2, 3, 7, 8, 9])
    assert [frames for _, frames in clips(build(content))] == [[0, 1, 2], [1, 2, 3], [7, 8, 9]]
    assert [frames for _, frames in clips(build(content, test_mode=True))] == [[0, 1, 2], [3], [7, 8, 9]]


def test_videos_may_alternate_in_the_file(build):
    content = make_content(a=range(3), b=range(3))
    content['images'] = content['images'][::3] + content['images'][1::3] + content['images'][2::3]
    assert clips(build(content)) == [('a', [0, 1, 2]), ('b', [0, 1, 2])]


@pytest.mark.parametrize('kwargs', [dict(), dict(serialize_data=False)])
def test_a_frame_is_a_sample_of_the_face_and_its_place(build, kwargs):
    item = build(make_content(a=range(3, 6)), **kwargs)[0]
    np.testing.assert_array_equal(item[1]['bbox'], [box(4)])
    assert item[1]['img_path'].endswith('images/a/000004.png')
    assert [(frame['clip_frame'], frame['clip_length'], frame['id']) for frame in item] == [
        (0, 3, 0),
        (1, 3, 1),
        (2, 3, 2),
    ]


@pytest.mark.parametrize(
    'kwargs, expected',
    [
        (dict(), [[0, 0, 1], [2, 3, 4], [4, 5, 6]]),
        (dict(test_mode=True), [[0, 0, 1], [2, 3, 4], [5, 6]]),
        (dict(clip_stride=4), [[0, 0, 1], [3, 4, 5], [4, 5, 6]]),
    ],
)
def test_previous_box_is_that_of_the_frame_before(build, kwargs, expected):
    dataset = build(make_content(a=range(8)), box='previous', **kwargs)
    assert [[frame['bbox'][0].tolist() for frame in item] for item in dataset] == [
        [box(frame) for frame in frames] for frames in expected
    ]
    assert dataset[0][2]['keypoints'][0, 0, 0] == 10.0 * dataset[0][2]['frame']


def test_previous_box_is_not_taken_across_a_gap(build):
    dataset = build(make_content(a=[0, 1, 5, 6]), box='previous', clip_length=2)
    assert [frame['bbox'][0].tolist() for frame in dataset[1]] == [box(5), box(5)]


@pytest.mark.parametrize('kwargs, frames', [(dict(indices=2), [0, 3]), (dict(indices=[2, 0]), [6, 0])])
def test_indices_count_clips(build, kwargs, frames):
    assert [item[0]['frame'] for item in build(make_content(a=range(9)), **kwargs)] == frames


def test_subset_counts_clips(build):
    assert clips(build(make_content(a=range(9))).get_subset([1])) == [('a', [3, 4, 5])]


def _image(index, **fields):
    return lambda content: content['images'][index].update(fields)


# what is done to videos a of 4 and b of 5 frames, and what the message must contain
BROKEN = {
    'no video': (lambda content: content['images'][1].pop('video'), ['image 1', '"video"', 'None', 'str']),
    'no frame': (lambda content: content['images'][1].pop('frame'), ['image 1', '"frame"', 'None', 'int']),
    'video as number': (_image(1, video=401), ['image 1', '"video"', 'found 401', 'expected str']),
    'frame as true': (_image(1, frame=True), ['image 1', '"frame"', 'found True', 'expected int']),
    'frame before the first': (_image(0, frame=-1), ['image 0', '"frame"', 'found -1', '0 or more']),
    'frame as text': (_image(1, frame='1'), ['image 1', '"frame"', "found '1'", 'expected int']),
    'repeated frame': (_image(6, frame=1), ["video 'b'", 'found frame 1 after frame 1', 'increasing', 'one face']),
    'mixed order': (lambda content: content['images'].reverse(), ["video 'b'", 'found frame 3 after frame 4']),
    'two faces': (lambda content: content['annotations'][6].update(image_id=5), ["video 'b'", 'frame 1 after frame 1']),
    'short video': (
        lambda content: content.update(annotations=content['annotations'][2:]),
        ["video 'a'", 'found at most 2 consecutive', 'expected 3 or more'],
    ),
    'short segments': (
        lambda content: content['annotations'].pop(6),
        ["video 'b'", 'found at most 2 consecutive', 'expected 3 or more'],
    ),
}


@pytest.mark.parametrize('name', BROKEN)
def test_broken_videos_are_errors(build, name):
    breaks, expected = BROKEN[name]
    content = make_content(a=range(4), b=range(5))
    breaks(content)
    with pytest.raises(ValueError) as error:
        build(content)
    for part in ['clips.json', *expected]:
        assert part in str(error.value)


def test_short_videos_are_no_error_in_test_mode(build):
    assert clips(build(make_content(a=[0, 4]), test_mode=True)) == [('a', [0]), ('a', [4])]


@pytest.mark.parametrize(
    'kwargs, match',
    [
        (dict(clip_length=0), 'clip_length is 0'),
        (dict(clip_stride=-1), 'clip_stride is -1'),
        (dict(test_mode=True, clip_stride=1), 'clip_stride 1 in test mode'),
        (dict(box='next'), "'next'.*'previous'"),
        (dict(sample_interval=2), 'sample_interval is 2, expected 1'),
        (dict(bbox_file='boxes.json', test_mode=True), 'bbox_file'),
        (dict(data_mode='bottomup'), 'data_mode'),
        (dict(filter_cfg=dict(bbox_score_thr=0.5)), 'filter_cfg'),
    ],
)
def test_arguments_out_of_range_are_errors(build, kwargs, match):
    with pytest.raises(ValueError, match=match):
        build(make_content(a=range(4)), **kwargs)


class RandomNumbers:
    """Stands for an augmentation; at module level, so that workers find it."""

    def __call__(self, results: dict) -> tuple:
        return results['frame'], random.random(), np.random.rand()


def numbers(dataset, **kwargs) -> list:
    """One epoch's clips as (frame, random numbers), in the order of their frames."""
    return sorted(
        [tuple(map(float, frame)) for frame in clip] for clip in DataLoader(dataset, batch_size=None, **kwargs)
    )


@pytest.mark.parametrize('seed', [3, None])
def test_random_state_is_the_same_in_a_clip_and_differs_between_clips(build, seed):
    drawn = numbers(build(make_content(a=range(9)), seed=seed, pipeline=[RandomNumbers()]))
    assert [len({frame[1:] for frame in clip}) for clip in drawn] == [1, 1, 1]
    assert len({clip[0][1:] for clip in drawn}) == 3


def test_augmentation_depends_on_seed_epoch_and_index_only(build):
    train = dict(pipeline=[RandomNumbers()], seed=3)
    dataset = build(make_content(a=range(9)), **train)
    dataset.set_epoch(5)
    first = numbers(dataset)
    assert numbers(dataset, num_workers=2, shuffle=True) == first
    dataset.set_epoch(6)
    assert not {clip[0][1:] for clip in numbers(dataset)} & {clip[0][1:] for clip in first}


def test_without_seed_each_epoch_differs_and_numpy_seed_repeats_it(build):
    dataset = build(make_content(a=range(9)), pipeline=[RandomNumbers()])
    np.random.seed(1)
    first, second = numbers(dataset), numbers(dataset)
    assert first != second
    np.random.seed(1)
    assert numbers(dataset) == first


def test_does_not_seed_in_test_mode(build):
    drawn = numbers(build(make_content(a=range(6)), seed=3, test_mode=True, pipeline=[RandomNumbers()]))
    assert len({frame[1] for clip in drawn for frame in clip}) == 6


def test_random_numbers_of_others_are_left_alone(build):
    dataset = build(make_content(a=range(6)), seed=3, pipeline=[RandomNumbers()])
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.rand()
    random.seed(1)
    np.random.seed(1)
    dataset[0]
    assert (random.random(), np.random.rand()) == expected


def test_clip_seed_is_the_key_of_the_state(build):
    dataset = build(make_content(a=range(6)), seed=3)
    assert [frame['clip_seed'] for frame in dataset[-1]] == [(3, 0, 1)] * 3


def test_crops_are_perturbed_alike(build):
    pipeline = [dict(type='GetFaceCrop', rule='face_220'), dict(type='RandomFaceSimilarity')]
    init_default_scope('mmpose')
    content = make_content(a=range(3))
    for ann, size in zip(content['annotations'], (1, 2, 3)):  # the face grows from frame to frame
        ann['keypoints'] = [size * value if i % 3 < 2 else value for i, value in enumerate(ann['keypoints'])]
    plain, moved = build(content, pipeline=pipeline[:1], seed=0)[0], build(content, pipeline=pipeline, seed=0)[0]
    sides = [frame['bbox_scale'][0, 0] for frame in plain]
    np.testing.assert_allclose(sides, np.array([1, 2, 3]) * 36 * 256 / 220, rtol=1e-6)
    assert len({frame['bbox_rotation'][0] for frame in moved}) == 1
    scales = [after['bbox_scale'][0, 0] / side for after, side in zip(moved, sides)]
    assert abs(scales[0] - 1) > 1e-3
    np.testing.assert_allclose(scales, scales[:1] * 3, rtol=1e-6)
    shifts = np.stack(
        [
            (after['bbox_center'][0] - before['bbox_center'][0]) / side
            for before, after, side in zip(plain, moved, sides)
        ]
    )
    assert np.abs(shifts[0]).min() > 1e-3
    np.testing.assert_allclose(shifts, shifts[:1].repeat(3, 0), atol=1e-5)


def test_clip_that_the_pipeline_gives_up_is_replaced_in_training(build):
    dataset = build(
        make_content(a=range(6)), seed=0, pipeline=[lambda results: results if results['frame'] != 4 else None]
    )
    assert [frame['frame'] for frame in dataset[1]] == [0, 1, 2]


@pytest.fixture
def images(tmp_path):
    """Image files of 64 x 64 pixels for frames 0 to 5 of video a; frame n is filled with n."""
    (tmp_path / 'images/a').mkdir(parents=True)
    for frame in range(6):
        cv2.imwrite(str(tmp_path / f'images/a/{frame:06d}.png'), np.full((64, 64, 3), frame, np.uint8))


PIPELINE = [
    dict(type='LoadVideoFrame'),
    dict(type='GetFaceCrop', rule='face_220'),
    dict(type='FaceAffine', input_size=(16, 16)),
    dict(type='PackPoseInputs'),
]


def test_item_is_a_list_of_packed_frames(build, images):
    init_default_scope('mmpose')
    content = make_content(a=range(6))
    content['annotations'][4].update(excluded=1, attributes=dict(scenario_1=1))
    item = build(content, pipeline=PIPELINE)[1]
    assert [tuple(frame['inputs'].shape) for frame in item] == [(3, 16, 16)] * 3
    assert [int(frame['inputs'].max()) for frame in item] == [3, 4, 5]
    keys = ('video', 'frame', 'clip_frame', 'clip_length')
    assert [tuple(frame['data_samples'].metainfo[key] for key in keys) for frame in item] == [
        ('a', 3, 0, 3),
        ('a', 4, 1, 3),
        ('a', 5, 2, 3),
    ]
    assert item[1]['data_samples'].raw_ann_info['excluded'] == 1


def test_nothing_is_loaded_before_an_item_is_asked_for(build):
    init_default_scope('mmpose')
    dataset = build(make_content(a=range(6)), pipeline=PIPELINE)
    with pytest.raises(FileNotFoundError, match='000000.png'):
        dataset[0]


def test_collate_joins_clips_frame_by_frame(build, images):
    init_default_scope('mmpose')
    dataset = build(make_content(a=range(5)), pipeline=PIPELINE, test_mode=True)
    batch = clip_collate([dataset[0], dataset[1]])
    assert [sample.metainfo['frame'] for sample in batch['data_samples']] == [0, 1, 2, 3, 4]
    assert [int(image.max()) for image in batch['inputs']] == [0, 1, 2, 3, 4]
    assert PoseDataPreprocessor()(batch)['inputs'].shape == (5, 3, 16, 16)


def test_runner_builds_the_data_loader(build, images, tmp_path):
    init_default_scope('mmpose')
    build(make_content(a=range(6)))  # writes the annotations
    config = dict(
        batch_size=2,
        num_workers=1,
        sampler=dict(type='VideoSampler'),
        collate_fn=dict(type='clip_collate'),
        dataset=dict(
            type='FaceVideoDataset',
            layout='aflw19',
            clip_length=2,
            ann_file='clips.json',
            data_root=str(tmp_path),
            data_prefix=dict(img='images'),
            test_mode=True,
            pipeline=PIPELINE,
        ),
    )
    loader = Runner.build_dataloader(copy.deepcopy(config), seed=0)
    assert [[sample.metainfo['frame'] for sample in batch['data_samples']] for batch in loader] == [
        [0, 1, 2, 3],
        [4, 5],
    ]
