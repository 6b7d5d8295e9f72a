"""ConvertKeypoints gives what FaceLandmarkDataset reads from annotations in the target layout."""

import json

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpose.registry import TRANSFORMS

from mmfld.datasets import FaceLandmarkDataset
from mmfld.datasets.transforms import ConvertKeypoints
from mmfld.structures import convert_keypoints, get_layout

POINTS = np.random.default_rng(0).uniform(20, 180, (98, 2)).astype(np.float32)


@pytest.fixture
def sample(tmp_path):
    """Makes the sample of a face with these landmarks, by default without a pipeline."""

    def make(layout: str, points: np.ndarray, hidden=(), pipeline=()) -> dict:
        visible = np.ones(len(points))
        visible[list(hidden)] = 0
        content = dict(
            categories=[dict(id=1, name='face')],
            images=[dict(id=5, file_name='a.jpg', width=200, height=200)],
            annotations=[
                dict(
                    id=5,
                    image_id=5,
                    category_id=1,
                    keypoints=np.column_stack([points, visible]).ravel().astype(float).tolist(),
                )
            ],
        )
        (tmp_path / 'faces.json').write_text(json.dumps(content))
        init_default_scope('mmpose')
        return FaceLandmarkDataset(layout, ann_file=str(tmp_path / 'faces.json'), pipeline=list(pipeline))[0]

    return make


def assert_same(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    for key in expected.keys() - {'raw_ann_info', 'dataset'}:
        np.testing.assert_equal(found[key], expected[key], err_msg=key)
        if isinstance(expected[key], np.ndarray):
            assert found[key].dtype == expected[key].dtype, key


@pytest.mark.parametrize('hidden, hidden_in_target', [((), ()), ((0, 41, 62, 96), (0, 18, 37, 38))])
def test_sample_is_that_of_annotations_in_the_target_layout(sample, hidden, hidden_in_target):
    found = ConvertKeypoints('wflw98', '300w68').transform(sample('wflw98', POINTS, hidden))
    assert_same(found, sample('300w68', convert_keypoints(POINTS, 'wflw98', '300w68'), hidden_in_target))


def test_one_after_the_other(sample):
    steps = [
        dict(type='ConvertKeypoints', source='wflw98', target='300w68'),
        dict(type='ConvertKeypoints', source='300w68', target='300w49'),
    ]
    found = sample('wflw98', POINTS, pipeline=steps)
    assert found['keypoints'].shape == (1, 49, 2) and found['num_keypoints'] == 49
    assert tuple(found['flip_indices']) == get_layout('300w49').flip_indices


@pytest.mark.parametrize('order', [(0, 1), (1, 0)])
def test_flip_before_or_after(sample, order):
    steps = [dict(type='RandomFlip', prob=1.0), dict(type='ConvertKeypoints', source='wflw98', target='300w68')]
    results = sample('wflw98', POINTS)
    results.update(img=np.zeros((200, 200, 3), np.uint8), img_shape=(200, 200))
    for index in order:
        results = TRANSFORMS.build(steps[index]).transform(results)
    expected = convert_keypoints(POINTS, 'wflw98', '300w68')[list(get_layout('300w68').flip_indices)]
    np.testing.assert_allclose(results['keypoints'][0], expected * [-1, 1] + [199, 0], atol=1e-4)


def test_crop_of_the_target_or_of_the_source(sample):
    crop, convert = dict(type='GetFaceCrop'), dict(type='ConvertKeypoints', source='300w68', target='300w49')
    points = POINTS[:68].copy()
    points[8, 1] = 199  # the chin, which the 49 lack
    whole = sample('300w68', points, pipeline=[crop])
    inner = sample('300w49', convert_keypoints(points, '300w68', '300w49'), pipeline=[crop])
    after = sample('300w68', points, pipeline=[crop, convert])
    before = sample('300w68', points, pipeline=[convert, crop])
    for key in ('bbox_center', 'bbox_scale'):
        np.testing.assert_array_equal(after[key], whole[key])
        np.testing.assert_array_equal(before[key], inner[key])
    assert whole['bbox_scale'][0, 0] > inner['bbox_scale'][0, 0] + 10


def test_in_inference_only_the_meta_information_changes():
    results = dict(bbox=np.array([[1.0, 2, 3, 4]]), flip_indices=list(range(98)), num_keypoints=98)
    results = ConvertKeypoints('wflw98', '300w68').transform(results)
    assert results['flip_indices'] == list(get_layout('300w68').flip_indices) and results['num_keypoints'] == 68
    assert results['bbox'].tolist() == [[1, 2, 3, 4]] and len(results) == 3


def test_errors(sample):
    with pytest.raises(KeyError, match='no conversion 300w68 -> wflw98'):
        ConvertKeypoints('300w68', 'wflw98')
    with pytest.raises(ValueError, match=r"expected \(..., 98, 2\) for layout 'wflw98'"):
        ConvertKeypoints('wflw98', '300w68').transform(sample('300w68', POINTS[:68]))
    only_contour = sample('300w68', POINTS[:68], hidden=range(17, 68))
    with pytest.raises(ValueError, match="a.jpg: none of the landmarks of layout '300w49' can be made"):
        ConvertKeypoints('300w68', '300w49').transform(only_contour)
    with pytest.raises(ValueError, match='expected ConvertKeypoints before FaceAffine'):
        ConvertKeypoints('300w68', '300w49').transform(dict(transformed_keypoints=POINTS[None]))
