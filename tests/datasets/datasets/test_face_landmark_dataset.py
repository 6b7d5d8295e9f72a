"""FaceLandmarkDataset: what it reads, what it refuses, and reproducible augmentation."""

import copy
import json
import random
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS
from torch.utils.data import ConcatDataset as TorchConcatDataset
from torch.utils.data import DataLoader

from mmfld.datasets import FaceLandmarkDataset
from mmfld.engine.hooks.epoch_seed_hook import EpochSeedHook
from mmfld.structures import get_layout

K = 19


def make_content(num_faces: int = 3) -> dict:
    """Faces of 19 landmarks on a diagonal: landmark k of face n at (10 n + k, 20 + 2 k)."""
    return dict(
        categories=[dict(id=1, name='face')],
        images=[dict(id=n, file_name=f'{n}.jpg', width=200, height=100) for n in range(num_faces)],
        annotations=[
            dict(
                id=n,
                image_id=n,
                category_id=1,
                keypoints=[value for k in range(K) for value in (10.0 * n + k, 20.0 + 2 * k, 1)],
            )
            for n in range(num_faces)
        ],
    )


@pytest.fixture
def build(tmp_path):
    """Builds a dataset of a json content."""

    def build(content, **kwargs):
        (tmp_path / 'faces.json').write_text(json.dumps(content))
        kwargs = (
            dict(
                layout='aflw19',
                ann_file='faces.json',
                data_root=str(tmp_path),
                data_prefix=dict(img='images'),
                test_mode=True,
            )
            | kwargs
        )
        return FaceLandmarkDataset(**kwargs)

    return build


@pytest.fixture
def log(monkeypatch):
    """The messages of the dataset."""
    messages = []
    monkeypatch.setattr(
        'mmfld.datasets.datasets.face_landmark_dataset.print_log', lambda message, **kwargs: messages.append(message)
    )
    return messages


# name of the sample -> (json, layout, faces, tight box of the first face to three decimals)
SAMPLES = {
    'wflw': ('test_wflw.json', 'wflw98', 4, [440.696, 122.173, 524.604, 206.402]),
    '300w': ('test_300w.json', '300w68', 2, [268.000, 265.000, 710.702, 741.209]),
    'cofw': ('test_cofw.json', 'cofw29', 2, [46.563, 110.635, 131.525, 271.121]),
    'aflw': ('test_aflw.json', 'aflw19', 2, [337.283, 203.187, 549.367, 478.000]),
    '300vw': ('anno_300vw.json', '300w68', 3, [743.224, 158.165, 878.567, 296.179]),
}


@pytest.mark.parametrize('name', SAMPLES)
def test_reads_mmpose_files(shared_dir, name):
    file_name, layout, num_faces, box = SAMPLES[name]
    folder = shared_dir / 'data/mmpose_samples' / name
    init_default_scope('mmpose')
    dataset = DATASETS.build(
        dict(
            type='FaceLandmarkDataset',
            layout=layout,
            ann_file=str(folder / file_name),
            test_mode=True,
            data_prefix=dict(img=str(folder)),
            pipeline=[dict(type='LoadImage'), dict(type='PackPoseInputs')],
        )
    )
    assert len(dataset) == num_faces
    sample = dataset[0]
    assert sample['inputs'].ndim == 3
    faces = sample['data_samples'].gt_instances
    assert faces.keypoints.shape == (1, get_layout(layout).num_keypoints, 2)
    np.testing.assert_allclose(faces.bboxes, [box], atol=5e-4)
    assert (faces.keypoints_visible == 1).all()


def test_aflw_box_size_stays_available(shared_dir):
    folder = shared_dir / 'data/mmpose_samples/aflw'
    dataset = FaceLandmarkDataset('aflw19', ann_file=str(folder / 'test_aflw.json'), test_mode=True)
    assert dataset.get_data_info(0)['raw_ann_info']['box_size'] == 362.0


def test_metainfo_is_that_of_the_layout(build):
    dataset = build(make_content())
    assert dataset.metainfo['num_keypoints'] == K
    assert tuple(dataset.metainfo['flip_indices']) == get_layout('aflw19').flip_indices


def test_box_is_tight_around_annotated_landmarks_and_not_clipped(build):
    content = make_content(1)
    points = content['annotations'][0]['keypoints']
    points[0:3] = [-7.5, 20, 1]
    points[-3:] = [0, 0, 0]  # not annotated
    content['annotations'][0]['bbox'] = [1, 2, 3, 4]
    sample = build(content)[0]
    np.testing.assert_array_equal(sample['bbox'], [[-7.5, 20, 17, 54]])
    assert sample['bbox'].dtype == np.float32
    assert sample['num_keypoints'] == K - 1
    assert sample['keypoints_visible'][0, -1] == 0
    assert 'bbox_center' not in sample and 'bbox_scale' not in sample


def test_landmark_box_replaces_the_tight_box(build):
    content = make_content(2)
    content['annotations'][0]['landmark_box'] = [-1.5, 2, 60, 70]
    dataset = build(content)
    np.testing.assert_array_equal(dataset[0]['bbox'], [[-1.5, 2, 60, 70]])
    assert dataset[0]['bbox'].dtype == np.float32
    np.testing.assert_array_equal(dataset[1]['bbox'], [[10, 20, 28, 56]])


def test_box_of_the_face_is_handed_through(build):
    content = make_content(3)
    content['annotations'][0]['face_box'] = [10, 20, 30, 40.5]
    content['annotations'][1].update(center=[20, 40], box_size=20)  # MMPose's AFLW
    content['annotations'][2].update(center=[50, 60], scale=0.5)
    first, second, third = build(content)
    np.testing.assert_array_equal(first['face_box'], np.float32([[10, 20, 40, 60.5]]))
    np.testing.assert_array_equal(second['face_box'], np.float32([[10, 30, 30, 50]]))
    assert 'face_box' not in third


def test_offset_moves_landmarks_and_boxes(build):
    content = make_content()
    content['annotations'][1]['landmark_box'] = [10, 20, 60, 70]
    before, after = build(content), build(content, keypoint_offset=(-1, 0.5))
    for index in range(2):
        moved, face = after[index], before[index]
        np.testing.assert_array_equal(moved['keypoints'], face['keypoints'] + np.float32([-1, 0.5]))
        np.testing.assert_array_equal(moved['bbox'], face['bbox'] + np.float32([-1, 0.5, -1, 0.5]))
        assert moved['bbox'].dtype == np.float32
        assert moved['raw_ann_info'] == face['raw_ann_info']


@pytest.mark.parametrize('offset', [(1,), (1, 2, 3), (1, float('nan'))])
def test_bad_offset_is_an_error(build, offset):
    with pytest.raises(ValueError, match='keypoint_offset must be two finite numbers'):
        build(make_content(), keypoint_offset=offset)


def test_visibility_two_counts_as_one(build):
    content = make_content(1)
    content['annotations'][0]['keypoints'][2::3] = [2] * K
    np.testing.assert_array_equal(build(content)[0]['keypoints_visible'], np.ones((1, K)))


def test_attributes_travel_in_raw_ann_info(build):
    content = make_content()
    content['annotations'][1]['attributes'] = {'large_pose': 1, 'blur': 0}
    assert build(content)[1]['raw_ann_info']['attributes'] == {'large_pose': 1, 'blur': 0}


def test_several_faces_of_an_image_are_all_kept(build):
    content = make_content(3)
    for ann in content['annotations']:
        ann['image_id'] = 1
    dataset = build(content)
    assert [dataset[i]['img_id'] for i in range(len(dataset))] == [1, 1, 1]


def test_face_that_reaches_out_of_its_image_is_kept(build):
    # the base class would drop a face whose box in the image is empty
    content = make_content(1)
    content['annotations'][0]['keypoints'] = [v for k in range(K) for v in (-18.0 + k, -60.0 + k, 1)]
    content['annotations'][0]['keypoints'][-2] = 0.0
    assert len(build(content)) == 1


def test_landmarks_where_missing_ones_are_put_are_told(build, log):
    content = make_content(3)
    build(content)
    assert not log
    content['annotations'][1]['keypoints'][3:6] = [-1, -1, 1]
    content['annotations'][2]['keypoints'][6:9] = [0, 0, 2]
    build(content, keypoint_offset=(-1, 0))
    assert len(log) == 1 and 'faces.json: 2 faces have a landmark at exactly (0, 0)' in log[0]
    assert 'annotations 1, 2;' in log[0]


def test_the_size_of_the_image_is_handed_to_who_loads_it(build):
    content = make_content(3)
    del content['images'][2]['width'], content['images'][2]['height']
    assert [sample.get('image_size') for sample in build(content)] == [(200, 100), (200, 100), None]


@pytest.mark.parametrize(
    'kwargs, ids',
    [
        (dict(indices=2), [0, 1]),
        (dict(indices=[3, 1]), [3, 1]),
        (dict(sample_interval=2), [0, 2]),
        (dict(filter_cfg=dict(bbox_score_thr=0.5)), [0, 1, 2, 3]),
        (dict(serialize_data=False), [0, 1, 2, 3]),
    ],
)
def test_base_arguments_work(build, kwargs, ids):
    dataset = build(make_content(4), **kwargs)
    assert [dataset[i]['id'] for i in range(len(dataset))] == ids


def test_detected_boxes_are_used_as_they_are(build, tmp_path):
    (tmp_path / 'boxes.json').write_text(json.dumps([dict(image_id=2, category_id=1, bbox=[5, 6, 30, 40], score=0.9)]))
    dataset = build(make_content(), bbox_file=str(tmp_path / 'boxes.json'))
    np.testing.assert_array_equal(dataset[0]['bbox'], [[5, 6, 35, 46]])


def _set(field, value):
    return lambda content: content['annotations'][1].__setitem__(field, value)


def _set_number(index, value):
    return lambda content: content['annotations'][1]['keypoints'].__setitem__(index, value)


def _set_image(field, value):
    return lambda content: content['images'][1].__setitem__(field, value)


# what is done to annotation 1, and what the message must contain
BROKEN = {
    'too few landmarks': (
        _set('keypoints', [1.0, 2.0, 1.0] * 18),
        ['annotation 1', '"keypoints"', '18 landmarks', '57'],
    ),
    'no keypoints': (lambda content: content['annotations'][1].pop('keypoints'), ['annotation 1', 'None', '57']),
    'nan': (_set_number(30, float('nan')), ['annotation 1', '"keypoints"', 'landmark 10', 'finite']),
    'infinite': (_set_number(4, float('inf')), ['annotation 1', '"keypoints"', 'landmark 1', 'finite']),
    'text': (_set_number(0, 'left'), ['annotation 1', '"keypoints"', 'not a number', 'left']),
    'negative visibility': (_set_number(2, -1), ['annotation 1', '"keypoints"', '-1] for landmark 0', 'v of 0']),
    'nothing annotated': (_set('keypoints', [1.0, 2.0, 0] * K), ['annotation 1', 'no annotated landmark']),
    'empty face box': (_set('face_box', [5, 6, 0, 9]), ['annotation 1', '"face_box"', 'positive w and h']),
    'short face box': (_set('face_box', [5, 6, 9]), ['annotation 1', '"face_box"', '[5, 6, 9]', '4']),
    'empty landmark box': (_set('landmark_box', [5, 6, 5, 9]), ['annotation 1', '"landmark_box"', '0 x 3 pixels']),
    'short landmark box': (_set('landmark_box', [5, 6, 9]), ['annotation 1', '"landmark_box"', '[5, 6, 9]', '4']),
    'text in landmark box': (_set('landmark_box', [5, 6, 'x', 9]), ['annotation 1', '"landmark_box"', '4 finite']),
    'nan in landmark box': (_set('landmark_box', [5, 6, float('nan'), 9]), ['annotation 1', 'nan', '4 finite']),
    'far away': (_set_number(0, 1e12), ['annotation 1', '"keypoints"', '(1e+12, 20)', 'image of 200 x 100']),
    'half an image away': (_set_number(3, -201.0), ['annotation 1', '(-201, 22)', 'image of 200 x 100']),
    'box far away': (_set('landmark_box', [5, 6, 5e3, 9]), ['annotation 1', '"landmark_box"', '(5000, 9)']),
    'outside': (
        _set('keypoints', [v for k in range(K) for v in (-50.0 + k, -60.0 + k, 1)]),
        ['annotation 1', 'all landmarks outside, within [-50.0, -60.0, -32.0, -42.0]', '200 x 100'],
    ),
    'parts of the image': (
        _set('keypoints', [v for k in range(K) for v in (0.2 + k / 40, 0.5, 1)][:-2] + [0.7, 1]),
        ['annotation 1', '0.45 x 0.2', 'pixels, not in parts of the image'],
    ),
    'far away in an image of unknown size': (
        lambda content: (
            content['images'][1].clear(),
            content['images'][1].update(id=1, file_name='1.jpg'),
            _set_number(1, -1e5)(content),
        ),
        ['annotation 1', '(10, -100000)', 'any image'],
    ),
    'one point': (_set('keypoints', [1.0, 2.0, 1] * K), ['annotation 1', '0 x 0 pixels']),
    'crowd': (_set('iscrowd', 1), ['annotation 1', '"iscrowd"', 'found 1', 'expected 0']),
    'attributes as list': (_set('attributes', [1, 0]), ['annotation 1', '"attributes"', '[1, 0]', 'dict']),
    'attribute value': (_set('attributes', dict(blur=2)), ['annotation 1', '"attributes.blur"', 'found 2', '0 or 1']),
    'nested attribute': (_set('attributes', dict(blur={})), ['annotation 1', '"attributes.blur"', '0 or 1']),
    'unknown image': (_set('image_id', 77), ['annotation 1', '"image_id"', 'found 77']),
    'no category': (
        lambda content: content['annotations'][1].pop('category_id'),
        ['annotation 1', 'lacks the field "category_id"'],
    ),
    'repeated annotation': (_set('id', 2), ['"annotations"', 'id 2 2 times', 'unique']),
    'repeated image': (lambda content: content['images'].append(content['images'][0]), ['"images"', 'id 0 2 times']),
    'no face': (lambda content: content.update(annotations=[]), ['"annotations"', 'no face']),
    'no list of faces': (lambda content: content.pop('annotations'), ['"annotations"', 'found none', 'a list']),
    'null for faces': (lambda content: content.update(annotations=None), ['"annotations"', 'found None', 'a list']),
    'an object for faces': (lambda content: content.update(annotations={}), ['"annotations"', 'an object', 'a list']),
    'no images': (lambda content: content.pop('images'), ['"images"', 'found none', 'a list']),
    'null for images': (lambda content: content.update(images=None), ['"images"', 'found None', 'a list']),
    'null for categories': (lambda content: content.update(categories=None), ['"categories"', 'None', 'a list']),
    'null for a face': (lambda content: content['annotations'].append(None), ['annotation number 3', 'None', 'object']),
    'null for an image': (lambda content: content['images'].insert(0, None), ['image number 0', 'None', 'an object']),
    'id as list': (_set('id', [1]), ['annotation number 1', '"id"', 'found [1]', 'an int']),
    'id as text': (_set('id', '1'), ['annotation number 1', '"id"', "found '1'", 'an int']),
    'id as true': (_set('id', True), ['annotation number 1', '"id"', 'found True', 'an int']),
    'no id': (lambda content: content['annotations'][1].pop('id'), ['annotation number 1', 'lacks the field "id"']),
    'image id as list': (lambda content: content['images'][1].update(id=[1]), ['image number 1', '"id"', '[1]']),
    'image id of a face as true': (_set('image_id', True), ['annotation 1', '"image_id"', 'found True', 'an int']),
    'image id of a face as list': (_set('image_id', [1]), ['annotation 1', '"image_id"', 'found [1]', 'an int']),
    'category as text': (_set('category_id', 'face'), ['annotation 1', '"category_id"', "'face'", 'an int']),
    'no file': (lambda content: content['images'][1].pop('file_name'), ['image 1', 'lacks the field "file_name"']),
    'null for a file': (_set_image('file_name', None), ['image 1', '"file_name"', 'None', 'name of a file']),
    'a file without a name': (_set_image('file_name', ''), ['image 1', '"file_name"', "''", 'name of a file']),
    'nul in a file name': (_set_image('file_name', 'a\0.jpg'), ['image 1', '"file_name"', 'name of a file']),
    'half a character in a file name': (_set_image('file_name', '\ud800.jpg'), ['image 1', '"file_name"']),
    'width as text': (_set_image('width', '200'), ['image 1', '"width"', "'200'", 'positive whole number']),
    'a width and no height': (
        lambda content: content['images'][1].pop('height'),
        ['image 1', '"height"', 'none beside "width"', 'both or neither'],
    ),
    'no width but null': (_set_image('width', None), ['image 1', '"width"', 'None', 'positive whole number']),
    'negative height': (_set_image('height', -100), ['image 1', '"height"', '-100', 'positive whole number']),
    'half a pixel of height': (_set_image('height', 99.5), ['image 1', '"height"', '99.5', 'positive whole number']),
    'number as text': (_set_number(0, '10'), ['annotation 1', 'not a number', "'10' for landmark 0"]),
    'number as null': (_set_number(5, None), ['annotation 1', 'not a number', 'None for landmark 1']),
    'number as true': (_set_number(4, True), ['annotation 1', 'not a number', 'True for landmark 1']),
    'number as list': (_set_number(4, [1.0]), ['annotation 1', 'not a number', '[1.0] for landmark 1']),
    'a number beyond single precision': (_set_number(0, 1e300), ['annotation 1', '1e+300', 'landmark 0', 'finite']),
    'a number beyond any float': (_set_number(4, 10**400), ['annotation 1', 'landmark 1', 'finite']),
    'half visible': (_set_number(5, 0.5), ['annotation 1', '0.5] for landmark 1', 'v of 0 (not annotated), 1 or 2']),
    'a million': (_set_number(0, 1e6), ['annotation 1', '(1e+06, 20)', 'image of 200 x 100']),
    'a thin line': (
        _set('keypoints', [v for k in range(K) for v in (10.0 + k, 20.0 + k * 1e-4, 1)]),
        ['annotation 1', '18 x 0.0018', 'pixels'],
    ),
    'a box of parts of the image': (_set('landmark_box', [0.1, 0.2, 0.3, 0.5]), ['"landmark_box"', '0.2 x 0.3']),
    'a tiny box': (_set('landmark_box', [10, 20, 10.0001, 20.0001]), ['"landmark_box"', 'in pixels']),
    'a box without its landmarks': (_set('landmark_box', [90, 2, 120, 9]), ['"landmark_box"', 'without any annotated']),
    'a face box in parts of the image': (_set('face_box', [0.1, 0.2, 0.3, 0.4]), ['"face_box"', 'not in parts']),
    'a tiny face box': (_set('face_box', [10, 20, 1e-4, 1e-4]), ['"face_box"', '[10, 20, 0.0001, 0.0001]']),
    'a face box far away': (_set('face_box', [10, 20, 30, 1e6]), ['"face_box"', '(40, 1.00002e+06)', '200 x 100']),
    'a face box elsewhere': (_set('face_box', [90, 20, 30, 40]), ['"face_box"', 'any annotated landmark']),
    'text in a face box': (_set('face_box', [90, 20, '30', 40]), ['"face_box"', "[90, 20, '30', 40]"]),
    'a box size as text': (_set('box_size', '12'), ['"box_size"', "'12'", 'a positive number']),
    'a box size in parts of the image': (_set('box_size', 0.3), ['"box_size"', '0.3', 'a positive number']),
    'crowd as text': (_set('iscrowd', 'no'), ['"iscrowd"', "'no'", 'expected 0']),
    'null for attributes': (_set('attributes', None), ['"attributes"', 'None', 'a flat dict']),
}


@pytest.mark.parametrize('name', BROKEN)
def test_broken_annotations_are_errors(build, name):
    breaks, expected = BROKEN[name]
    content = make_content()
    breaks(content)
    with pytest.raises(ValueError) as error:
        build(content)
    for part in ['faces.json', *expected]:
        assert part in str(error.value)


@pytest.mark.parametrize('text, found', [('[]', 'a list'), ('null', 'None'), ('3', '3'), ('"faces"', "'faces'")])
def test_json_without_sections_is_an_error(tmp_path, text, found):
    (tmp_path / 'faces.json').write_text(text)
    with pytest.raises(ValueError, match=f'faces.json: found {found}, expected an object with the fields "images"'):
        FaceLandmarkDataset('aflw19', ann_file=str(tmp_path / 'faces.json'))


@pytest.mark.parametrize(
    'content', [b'', b'\0', b'\xff\xfe\xff', b'{"images": "\xe9"}', b'[' * 100000, b'{"images": ' + b'1' * 5000 + b'}']
)
def test_bytes_that_are_no_json_are_an_error(tmp_path, content):
    (tmp_path / 'faces.json').write_bytes(content)
    with pytest.raises(ValueError, match='faces.json: found no valid json'):
        FaceLandmarkDataset('aflw19', ann_file=str(tmp_path / 'faces.json'))


def test_a_section_that_stands_twice_is_an_error(tmp_path):
    # json would take the second one, and half of the faces were lost
    text = json.dumps(make_content())
    (tmp_path / 'faces.json').write_text(text[:-1] + ', "annotations": []}')
    with pytest.raises(ValueError, match="faces.json: .*the field 'annotations' stands twice in one entry"):
        FaceLandmarkDataset('aflw19', ann_file=str(tmp_path / 'faces.json'))


def test_deeply_nested_fields_are_an_error(build):
    deep = []
    for _ in range(700):
        deep = [deep]
    content = make_content()
    content['annotations'][1]['note'] = deep
    with pytest.raises(ValueError, match='annotation 1: found fields nested too deep|no valid json'):
        build(content)


def test_whole_numbers_may_be_written_as_floats(build):
    content = make_content()
    content['images'][0].update(width=200.0, height=100.0)
    assert build(content)[0]['image_size'] == (200, 100)


def test_images_outside_the_folder_are_told(build, log):
    content = make_content(3)
    build(content)
    assert not log
    content['images'][1]['file_name'] = '../1.jpg'
    content['images'][2]['file_name'] = '/somewhere/2.jpg'
    paths = [sample['img_path'] for sample in build(content)]
    assert paths[2] == '/somewhere/2.jpg' and paths[1].endswith('images/../1.jpg')
    assert len(log) == 1
    assert 'faces.json: 2 images lie outside the folder' in log[0] and '../1.jpg, /somewhere/2.jpg' in log[0]


BROKEN_BOXES = {
    'an object': ({}, ['an object', 'a list of boxes']),
    'null': ([None], ['box number 0', 'None', 'an object']),
    'no box': ([dict(image_id=2, category_id=1, score=1)], ['box number 0', 'lacks the field "bbox"']),
    'unknown image': ([dict(image_id=9, category_id=1, score=1, bbox=[1, 2, 3, 4])], ['"image_id"', 'found 9']),
    'no area': ([dict(image_id=2, category_id=1, score=1, bbox=[1, 2, 0, 4])], ['"bbox"', '[1, 2, 0, 4]']),
    'text': ([dict(image_id=2, category_id=1, score='1', bbox=[1, 2, 3, 4])], ['"score"', "'1'"]),
}


@pytest.mark.parametrize('name', BROKEN_BOXES)
def test_broken_boxes_are_errors(build, tmp_path, name):
    boxes, expected = BROKEN_BOXES[name]
    (tmp_path / 'boxes.json').write_text(json.dumps(boxes))
    with pytest.raises(ValueError) as error:
        build(make_content(), bbox_file=str(tmp_path / 'boxes.json'))
    for part in ['boxes.json', *expected]:
        assert part in str(error.value)


def test_broken_json_is_an_error(tmp_path):
    (tmp_path / 'faces.json').write_text('{"images": [')
    with pytest.raises(ValueError, match='faces.json.*no valid json'):
        FaceLandmarkDataset('aflw19', ann_file=str(tmp_path / 'faces.json'))


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='aflw19.*nowhere.json'):
        FaceLandmarkDataset('aflw19', ann_file=str(tmp_path / 'nowhere.json'))


def test_unknown_layout_is_an_error():
    with pytest.raises(KeyError, match='wflw98'):
        FaceLandmarkDataset('wflw99', lazy_init=True)


class RandomNumbers:
    """Stands for an augmentation; at module level, so that spawned workers find it."""

    def __call__(self, results: dict) -> tuple:
        return results['id'], random.random(), np.random.rand()


def numbers(dataset, **kwargs) -> list:
    """One epoch's samples, sorted by face."""
    return sorted(tuple(map(float, sample)) for sample in DataLoader(dataset, batch_size=None, **kwargs))


def test_augmentation_depends_on_seed_epoch_and_index_only(build):
    train = dict(pipeline=[RandomNumbers()], test_mode=False)
    dataset = build(make_content(4), seed=3, **train)
    dataset.set_epoch(5)
    first = numbers(dataset)
    assert numbers(dataset, num_workers=2, shuffle=True) == first
    assert len({value for sample in first for value in sample[1:]}) == 8
    dataset.set_epoch(6)
    assert not {s[1] for s in numbers(dataset)} & {s[1] for s in first}
    other = build(make_content(4), seed=4, **train)
    other.set_epoch(5)
    assert not {s[1] for s in numbers(other)} & {s[1] for s in first}


@pytest.mark.parametrize('kwargs', [dict(seed=3, test_mode=True), dict(test_mode=False)])
def test_does_not_seed_in_test_mode_or_without_seed(build, kwargs):
    dataset = build(make_content(4), pipeline=[RandomNumbers()], **kwargs)
    assert numbers(dataset) != numbers(dataset)


@pytest.mark.parametrize('start', ['fork', 'spawn'])
def test_running_workers_see_the_epoch(build, start):
    dataset = build(make_content(2), seed=3, pipeline=[RandomNumbers()], test_mode=False)
    loader = DataLoader(dataset, batch_size=None, num_workers=1, persistent_workers=True, multiprocessing_context=start)
    for epoch in range(2):
        dataset.set_epoch(epoch)
        assert sorted(tuple(map(float, sample)) for sample in loader) == numbers(dataset)


def test_subset_has_an_epoch_of_its_own_in_shared_memory(build):
    dataset = build(make_content(4), seed=3, pipeline=[RandomNumbers()], test_mode=False)
    dataset.set_epoch(1)
    for other in (dataset.get_subset(2), copy.deepcopy(dataset)):
        assert other._epoch._tensor.is_shared()
        other.set_epoch(2)
    assert dataset._epoch.get() == 1


@pytest.mark.parametrize(
    'wrap',
    [
        lambda first, second: ConcatDataset([first, second]),
        lambda first, second: TorchConcatDataset([RepeatDataset(first, times=2), second]),
    ],
)
def test_hook_tells_the_epoch_through_wrappers(build, wrap):
    datasets = [build(make_content(n), seed=3, test_mode=False) for n in (1, 2)]
    loader = SimpleNamespace(dataset=wrap(*datasets))
    EpochSeedHook().before_train_epoch(SimpleNamespace(train_dataloader=loader, epoch=7))
    assert [dataset._epoch.get() for dataset in datasets] == [7, 7]


def test_hook_without_effect_is_an_error():
    with pytest.raises(TypeError, match='list'):
        EpochSeedHook().before_train_epoch(SimpleNamespace(train_dataloader=SimpleNamespace(dataset=[]), epoch=0))


@pytest.mark.parametrize('indices', [0, []])
def test_no_face_at_all_is_an_error(build, indices):
    with pytest.raises(ValueError, match='leaves no face, expected some of them'):
        build(make_content(3), indices=indices)
