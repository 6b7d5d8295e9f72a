"""From inputs to landmarks, with small untrained networks: what goes where, not how good it is."""

import copy
import json
import logging
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from matplotlib.cbook import get_sample_data
from mmengine.config import Config
from mmengine.runner import save_checkpoint
from mmengine.structures import InstanceData
from mmpose.apis import MMPoseInferencer, inference_topdown, init_model
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.structures import PoseDataSample
from PIL import Image

from mmfld.apis import FaceLandmarkInferencer, FaceLandmarkTracker
from mmfld.apis.crop_pipeline import spread_back
from mmfld.apis.face_landmark_inferencer import DEFAULT_WEIGHTS
from mmfld.engine.hooks.plain_checkpoint_hook import to_plain
from mmfld.structures import get_layout

CONFIG = Path(__file__).resolve().parents[2] / 'configs/300w/structured_hg2_mini.py'
PHOTO = get_sample_data('grace_hopper.jpg', asfileobj=False)
BOXES = [[20.0, 25.0, 80.0, 90.0], [70.0, 30.0, 120.0, 85.0]]


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp('config') / 'tiny.py'
    path.write_text(f'_base_ = {str(CONFIG)!r}\nmodel = dict(backbone=dict(width=16))\n')
    return str(path)


@pytest.fixture(scope='module')
def weights(config, tmp_path_factory):
    """A checkpoint as :class:`PlainCheckpointHook` leaves it."""
    torch.manual_seed(0)
    model = FaceLandmarkInferencer(config, device='cpu', detector='whole_image').model
    path = tmp_path_factory.mktemp('weights') / 'tiny.pth'
    meta = to_plain(dict(dataset_meta=model.dataset_meta, cfg=Config.fromfile(config).pretty_text), 'meta')
    save_checkpoint(dict(state_dict=model.state_dict(), meta=meta), str(path))
    return str(path)


@pytest.fixture(scope='module')
def inferencer(config, weights):
    return FaceLandmarkInferencer(config, weights, device='cpu', detector='whole_image')


@pytest.fixture(scope='module')
def images():
    noise = np.random.default_rng(0).integers(0, 255, (3, 30, 40, 3), dtype=np.uint8)
    return [cv2.resize(image, (160, 120)) for image in noise]


@pytest.fixture
def with_detector(inferencer, monkeypatch):
    """The inferencer with another detector."""

    def replace(detector):
        monkeypatch.setattr(inferencer, 'detector', detector)
        return inferencer

    return replace


def keypoints(result):
    return np.array([face['keypoints'] for face in result['predictions'][0]])


def test_one_result_per_image_in_the_format_of_mmpose(inferencer, images):
    results = list(inferencer(images, bboxes=[BOXES, BOXES[:1], []]))
    assert [len(result['predictions']) for result in results] == [1, 1, 1]
    assert [len(result['predictions'][0]) for result in results] == [2, 1, 0]
    face = results[0]['predictions'][0][1]
    assert set(face) == {'keypoints', 'keypoint_scores', 'bbox', 'bbox_score'}
    assert np.shape(face['keypoints']) == (68, 2) and np.shape(face['keypoint_scores']) == (68,)
    np.testing.assert_allclose(face['bbox'][0], BOXES[1])
    assert face['bbox_score'] == 1


def test_same_landmarks_as_mmpose_inferencer(config, weights, inferencer, images, tmp_path):
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, images[0])
    mmpose = MMPoseInferencer(config, weights, device='cpu', det_model='whole_image')
    expected = next(mmpose(path))['predictions'][0][0]
    found = next(inferencer(path))['predictions'][0][0]
    np.testing.assert_array_equal(found['keypoints'], expected['keypoints'])
    np.testing.assert_array_equal(found['keypoint_scores'], expected['keypoint_scores'])
    np.testing.assert_array_equal(found['bbox'], expected['bbox'])


def test_same_landmarks_as_inference_topdown(config, weights, inferencer, images):
    model = init_model(config, weights, device='cpu')
    expected = inference_topdown(model, images[0], np.array(BOXES))
    np.testing.assert_allclose(
        keypoints(next(inferencer(images[0], bboxes=BOXES))),
        [sample.pred_instances.keypoints[0] for sample in expected],
        atol=1e-4,
    )


def test_config_from_the_checkpoint(weights, inferencer, images):
    alone = FaceLandmarkInferencer(weights=Path(weights), device='cpu', detector='whole_image')
    np.testing.assert_array_equal(keypoints(next(alone(images[0]))), keypoints(next(inferencer(images[0]))))


@pytest.mark.parametrize('batch_size', [1, 2, 8])
def test_batch_size_does_not_matter(inferencer, images, batch_size):
    boxes = [BOXES, BOXES[:1], BOXES]
    expected = [keypoints(next(inferencer(image, bboxes=box))) for image, box in zip(images, boxes)]
    found = list(inferencer(images, bboxes=boxes, batch_size=batch_size))
    for result, points in zip(found, expected):
        np.testing.assert_allclose(keypoints(result), points, atol=1e-3)


def test_refinement_crops_again_from_the_landmarks(inferencer, images):
    first = keypoints(next(inferencer(images[0], bboxes=BOXES, refine=0)))
    tight = np.concatenate([first.min(axis=1), first.max(axis=1)], axis=1)
    refined = next(inferencer(images[0], bboxes=BOXES, refine=1))
    np.testing.assert_allclose([face['bbox'][0] for face in refined['predictions'][0]], tight, atol=1e-4)
    again = next(inferencer(images[0], bboxes=tight, refine=0))
    np.testing.assert_allclose(keypoints(refined), keypoints(again), atol=1e-3)


def test_no_refinement_from_landmarks_on_one_spot(inferencer, images, monkeypatch):
    predict = inferencer._predict_crops

    def collapsed(images, crops):
        samples = predict(images, crops)
        for sample in samples:
            sample.pred_instances.keypoints[...] = 5.0
        return samples

    monkeypatch.setattr(inferencer, '_predict_crops', collapsed)
    (face,) = next(inferencer(images[0], bboxes=BOXES[:1], refine=1))['predictions'][0]
    np.testing.assert_allclose(face['bbox'][0], BOXES[0])


def test_detected_faces_are_refined_once_by_default(with_detector, images):
    inferencer = with_detector(lambda image: np.array([[*BOXES[0], 0.75]]))
    default = next(inferencer(images[0]))
    np.testing.assert_array_equal(keypoints(default), keypoints(next(inferencer(images[0], refine=1))))
    assert not np.array_equal(keypoints(default), keypoints(next(inferencer(images[0], refine=0))))
    assert default['predictions'][0][0]['bbox_score'] == 0.75


@pytest.fixture(scope='module')
def converting(config, weights):
    return FaceLandmarkInferencer(config, weights, device='cpu', detector='whole_image', layout='300w49')


@pytest.mark.parametrize('refine', [0, 1])
def test_landmarks_in_another_layout(inferencer, converting, images, refine):
    expected = next(inferencer(images[0], bboxes=BOXES, refine=refine))['predictions'][0]
    found = next(converting(images[0], bboxes=BOXES, refine=refine))['predictions'][0]
    kept = [k for k in range(17, 68) if k not in (60, 64)]
    for face, converted in zip(expected, found):
        np.testing.assert_allclose(converted['keypoints'], np.array(face['keypoints'])[kept], atol=1e-4)
        np.testing.assert_allclose(converted['keypoint_scores'], np.array(face['keypoint_scores'])[kept], rtol=1e-5)
        np.testing.assert_array_equal(converted['bbox'], face['bbox'])  # the crop is that of all 68


def test_other_layout_in_files_pictures_and_samples(converting, images, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), images[0])
    result = next(
        converting(
            tmp_path / 'a.png',
            bboxes=BOXES,
            out_dir=tmp_path / 'out',
            return_vis=True,
            draw_heatmap=True,
            return_datasamples=True,
        )
    )
    assert np.shape([face['keypoints'] for face in json.loads((tmp_path / 'out/predictions/a.json').read_text())]) == (
        2,
        49,
        2,
    )
    assert result['visualization'][0].shape == (240, 160, 3)
    (sample,) = result['predictions']
    assert sample.pred_instances.keypoints.shape == (2, 49, 2) and len(sample.flip_indices) == 49
    assert sample.pred_instances.keypoints.dtype == sample.pred_instances.keypoint_scores.dtype == np.float32


def test_other_layout_of_an_image_without_a_face(converting, images):
    result = next(converting(images[0], bboxes=[[]], return_vis=True, return_datasamples=True))
    assert result['predictions'][0].pred_instances.keypoints.shape == (0, 49, 2)
    np.testing.assert_array_equal(result['visualization'][0], images[0][..., ::-1])


def test_layout_that_the_model_cannot_give(config, weights):
    with pytest.raises(KeyError, match='no conversion 300w68 -> wflw98'):
        FaceLandmarkInferencer(config, weights, device='cpu', layout='wflw98')


def test_landmarks_are_those_of_the_head_not_of_the_training_data(config, weights, images, tmp_path):
    # as in a checkpoint of a model of 68 landmarks that was trained on converted WFLW
    checkpoint = torch.load(weights)
    checkpoint['meta']['dataset_meta'] = to_plain(parse_pose_metainfo(get_layout('wflw98').metainfo), 'meta')
    torch.save(checkpoint, tmp_path / 'converted.pth')
    inferencer = FaceLandmarkInferencer(config, tmp_path / 'converted.pth', device='cpu', detector='whole_image')
    assert inferencer.model.dataset_meta['dataset_name'] == '300w68'
    assert len(next(inferencer(images[0], return_vis=True))['predictions'][0][0]['keypoints']) == 68


def test_image_without_a_face(with_detector, images, tmp_path, caplog):
    inferencer = with_detector(lambda image: np.zeros((0, 5)))
    cv2.imwrite(str(tmp_path / 'empty.png'), images[0])
    with caplog.at_level(logging.WARNING):
        result = next(inferencer(tmp_path / 'empty.png', return_vis=True, out_dir=tmp_path / 'out', draw_bbox=True))
    assert result['predictions'] == [[]]
    np.testing.assert_array_equal(result['visualization'][0], images[0][..., ::-1])
    assert json.loads((tmp_path / 'out/predictions/empty.json').read_text()) == []


def test_another_crop_than_that_of_the_training_is_logged(config, weights, monkeypatch, tmp_path):
    messages = []
    monkeypatch.setattr(
        'mmfld.apis.strict_inferencer.print_log', lambda message, logger, level: messages.append((message, level))
    )
    FaceLandmarkInferencer(config, weights, device='cpu', detector='whole_image')
    assert messages == []
    other = tmp_path / 'other.py'
    other.write_text(Config.fromfile(config).pretty_text.replace("'longer_side'", "'landmark_height'"))
    FaceLandmarkInferencer(str(other), weights, device='cpu', detector='whole_image')
    assert messages == [
        (
            f"{weights}: GetFaceCrop.rule: found 'landmark_height', and the weights were trained with 'longer_side'",
            logging.WARNING,
        )
    ]


@pytest.mark.parametrize('none', [None, [], np.zeros((0, 4))], ids=str)
def test_a_detector_may_say_in_any_way_that_it_finds_nothing(with_detector, images, none):
    assert next(with_detector(lambda image: none)(images[0]))['predictions'] == [[]]


def test_a_detector_without_scores_is_told(with_detector, images):
    with pytest.raises(ValueError, match='the detector returns .*expected'):
        next(with_detector(lambda image: [[10.0, 20.0, 60.0, 70.0]])(images[0]))


def test_image_without_a_face_is_logged(with_detector, images, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmfld.apis.face_landmark_inferencer.print_log',
        lambda message, logger, level: messages.append((message, level)),
    )
    next(with_detector(lambda image: np.zeros((0, 5)))(images[0]))
    assert messages == [('0000000000.jpg: no face found', logging.WARNING)]


def test_pictures_and_json_are_saved(inferencer, images, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), images[0])
    result = next(inferencer(str(tmp_path / 'a.png'), bboxes=BOXES, return_vis=True, out_dir=tmp_path / 'out'))
    picture = result['visualization'][0]
    assert picture.shape == images[0].shape and (picture != images[0][..., ::-1]).any()
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'out/visualizations/a.png')), picture[..., ::-1])
    saved = json.loads((tmp_path / 'out/predictions/a.json').read_text())
    np.testing.assert_allclose([face['keypoints'] for face in saved], keypoints(result))


@pytest.mark.parametrize('draw_heatmap, height', [(False, 120), (True, 240)])
def test_video(with_detector, images, tmp_path, draw_heatmap, height):
    writer = cv2.VideoWriter(str(tmp_path / 'clip.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 10, (160, 120))
    for image in images:
        writer.write(image)
    writer.release()
    faces = iter([np.array([[*BOXES[0], 1.0]]), np.zeros((0, 5)), np.array([[*box, 1.0] for box in BOXES])])
    inferencer = with_detector(lambda image: next(faces))
    results = list(inferencer(tmp_path / 'clip.mp4', out_dir=tmp_path / 'out', draw_heatmap=draw_heatmap, batch_size=2))
    assert [len(result['predictions'][0]) for result in results] == [1, 0, 2]
    saved = cv2.VideoCapture(str(tmp_path / 'out/visualizations/clip.mp4'))
    assert saved.get(cv2.CAP_PROP_FPS) == 10
    frames = []
    while (frame := saved.read())[0]:
        frames.append(frame[1].shape)
    assert frames == [(height, 160, 3)] * 3
    predictions = json.loads((tmp_path / 'out/predictions/clip.json').read_text())
    assert [(item['frame_id'], len(item['instances'])) for item in predictions] == [(0, 1), (1, 0), (2, 2)]


def test_camera_is_not_read_ahead(inferencer, images, monkeypatch):
    read = []

    class Camera:
        def __init__(self, number):
            pass

        def isOpened(self):
            return True

        def get(self, property_):
            return 30.0

        def read(self):
            read.append(1)
            return True, images[0]

        def release(self):
            read.append('released')

    monkeypatch.setattr(cv2, 'VideoCapture', Camera)
    results = inferencer('webcam', batch_size=8)
    next(results)
    next(results)
    assert read == [1, 1]
    results.close()
    assert read == [1, 1, 'released']


def test_half_done_video_is_complete(inferencer, images, tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / 'clip.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 10, (160, 120))
    for image in images:
        writer.write(image)
    writer.release()
    results = inferencer(tmp_path / 'clip.mp4', pred_out_dir=tmp_path / 'out')
    next(results)
    results.close()
    assert [item['frame_id'] for item in json.loads((tmp_path / 'out/clip.json').read_text())] == [0]


def test_datasamples(inferencer, images):
    (sample,) = next(inferencer(images[0], bboxes=BOXES, return_datasamples=True))['predictions']
    assert sample.pred_instances.keypoints.shape == (2, 68, 2)


def test_missing_config_is_named():
    with pytest.raises(FileNotFoundError, match='config nowhere.py not found in'):
        FaceLandmarkInferencer('nowhere.py')


def test_checkpoint_of_another_model(config, weights, tmp_path):
    other = tmp_path / 'other.py'
    other.write_text(f'_base_ = {config!r}\nmodel = dict(backbone=dict(num_stacks=1))\n')
    with pytest.raises(ValueError, match='tiny.pth does not fit the model'):
        FaceLandmarkInferencer(other, weights, device='cpu')


def test_tensors_that_are_missing_are_listed(config, weights, tmp_path):
    checkpoint = torch.load(weights, weights_only=True)
    gone = [name for name in checkpoint['state_dict'] if not name.endswith('num_batches_tracked')][3:8]
    for name in gone:
        del checkpoint['state_dict'][name]
    torch.save(checkpoint, tmp_path / 'half.pth')
    with pytest.raises(ValueError, match='half.pth does not fit the model') as error:
        FaceLandmarkInferencer(config, tmp_path / 'half.pth', device='cpu')
    assert f'half.pth does not fit the model: 5 missing: {", ".join(sorted(gone))}' in str(error.value)


@pytest.mark.parametrize(
    'config, found, trained',
    [
        ('star_hg2_mini', 'BoundaryAwareHeatmap', 'ImageAwareSmoothing'),
        ('subpixel_mini', 'ContinuousHeatmap', 'ImageAwareSmoothing'),
    ],
)
def test_weights_of_another_method_with_the_same_tensors_are_refused(config, found, trained):
    weights = DEFAULT_WEIGHTS.with_name('structured_mini.pth')
    message = f'structured_mini.pth does not fit .* model.head.decoder.type is {found}, .* with {trained}'
    with pytest.raises(ValueError, match=message):
        FaceLandmarkInferencer(f'configs/300w/{config}.py', weights, device='cpu')


def test_a_checkpoint_without_a_config_needs_one(config, weights, tmp_path):
    torch.save(torch.load(weights, weights_only=True)['state_dict'], tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match='bare.pth: found no config in this checkpoint: give that of the model, too'):
        FaceLandmarkInferencer(weights=tmp_path / 'bare.pth', device='cpu')
    FaceLandmarkInferencer(config, tmp_path / 'bare.pth', device='cpu')


def test_what_is_no_checkpoint_is_named(config, tmp_path):
    (tmp_path / 'a.pth').write_text('text')
    with pytest.raises(ValueError, match="a.pth: found a file that begins with 'text', expected a checkpoint"):
        FaceLandmarkInferencer(config, tmp_path / 'a.pth', device='cpu')


@pytest.mark.parametrize(
    'boxes, message',
    [
        ([[10, 10, 5, 20]], r'bboxes of image 0 \(0000000000.jpg\): found \[10.0, 10.0, 5.0, 20.0\]'),
        ([[10, 10, 20, float('nan')]], 'nan'),
        ([[[10, 10, 20]]], r'of shape \(1, 3\), expected \(N, 4\): a list of x1, y1, x2, y2'),
        ([[5000, 10, 5020, 30]], r'\[5000.0, 10.0, 5020.0, 30.0\] lies outside of the image'),
        ([BOXES, BOXES], 'found 2 lists of boxes, expected one for each of 1 image'),
    ],
)
def test_wrong_boxes_are_named(inferencer, images, boxes, message):
    with pytest.raises(ValueError, match=message):
        next(inferencer(images[0], bboxes=boxes))


@pytest.mark.parametrize('image, boxes', [(0, []), (0, [[]]), (slice(2), [[], []])], ids=str)
def test_no_boxes_are_no_faces(inferencer, images, image, boxes):
    inputs = images[image] if isinstance(image, int) else images[image]
    assert [result['predictions'] for result in inferencer(inputs, bboxes=boxes)] == [[[]]] * len(boxes or [0])


@pytest.mark.parametrize('boxes', [dict(a=1), 5, 'boxes'], ids=str)
def test_what_are_no_boxes_is_named(inferencer, images, boxes):
    with pytest.raises(ValueError, match=f'bboxes: found {type(boxes).__name__}, expected a list of boxes for each'):
        inferencer(images[0], bboxes=boxes)


def test_images_of_all_kinds_that_have_one_meaning(inferencer, images):
    image = np.repeat(images[0][..., :1], 3, axis=2)
    expected = keypoints(next(inferencer(image, bboxes=BOXES)))
    for other in (
        image[..., 0],
        image[..., :1],
        np.dstack([image, image[..., 0]]),
        image.astype(np.uint16) * 257,
        Image.fromarray(image),
        cv2.imencode('.png', image)[1].tobytes(),
    ):
        np.testing.assert_array_equal(keypoints(next(inferencer(other, bboxes=BOXES))), expected)


@pytest.mark.parametrize(
    'make, message',
    [
        (lambda image: image / 255, 'image 0: found an array of .* float64'),
        (torch.from_numpy, 'image 0: found a Tensor of torch'),
        (lambda image: iter([image]), 'found list_iterator.*list'),
    ],
    ids=['floats', 'tensor', 'iterator'],
)
def test_images_without_one_meaning_are_explained(inferencer, images, make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        next(inferencer(make(images[0])))


@pytest.fixture
def folder(images, tmp_path):
    """Pictures a, c and d, a broken b and what macOS leaves."""
    for name, image in zip('acd', images):
        cv2.imwrite(str(tmp_path / f'{name}.png'), image)
    (tmp_path / 'b.png').write_bytes((tmp_path / 'a.png').read_bytes()[:60])
    (tmp_path / '._a.png').write_bytes(b'\0\5\x16\7')
    return tmp_path


@pytest.mark.parametrize('batch_size', [1, 2, 8])
def test_a_folder_is_read_on_after_a_broken_picture(inferencer, folder, monkeypatch, batch_size):
    messages = []
    monkeypatch.setattr(
        'mmfld.apis.face_landmark_inferencer.print_log',
        lambda message, logger, level: messages.append((message, level)),
    )
    results = list(inferencer(folder, batch_size=batch_size))
    assert [Path(result['path']).name for result in results] == ['a.png', 'c.png', 'd.png']
    assert messages == [(f'not read: {folder / "b.png"}: not an image that OpenCV can read', logging.WARNING)]


def test_pictures_before_a_broken_one_that_is_named_are_not_lost(inferencer, folder):
    results = inferencer([folder / 'a.png', folder / 'c.png', folder / 'b.png'])
    assert [Path(next(results)['path']).name for _ in range(2)] == ['a.png', 'c.png']
    with pytest.raises(ValueError, match='b.png: not an image'):
        next(results)


def test_a_folder_without_a_good_picture_is_an_error(inferencer, folder):
    for name in 'acd':
        (folder / f'{name}.png').unlink()
    with pytest.raises(ValueError, match='b.png: not an image'):
        list(inferencer(folder))


def test_windows_that_opencv_cannot_open_are_one_sentence(inferencer, images, monkeypatch):
    def headless(delay):
        raise cv2.error('The function is not implemented')

    monkeypatch.setattr(cv2, 'waitKey', headless)
    with pytest.raises(ImportError, match='show: this OpenCV cannot open windows: save pictures instead'):
        inferencer(images[0], show=True)


def test_threads_get_what_one_gets(config, weights, images):
    detector = 'opencv' if hasattr(cv2, 'CascadeClassifier') else 'centerface'  # OpenCV 5 has no Haar cascades
    inferencer = FaceLandmarkInferencer(config, weights, device='cpu', detector=detector, min_score=-1)
    photo = cv2.resize(cv2.imread(PHOTO), None, fx=0.5, fy=0.5)
    pictures = [photo, photo[:, ::-1].copy(), np.vstack([photo, photo]), images[0]]
    cases = [(picture, draw_heatmap) for draw_heatmap in (False, True) for picture in pictures] * 2

    def predict(case):
        image, draw_heatmap = case
        result = next(inferencer(image, return_vis=True, draw_heatmap=draw_heatmap))
        return keypoints(result), result['visualization'][0]

    expected = [predict(case) for case in cases[:8]] * 2
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(predict, cases))
    assert [len(points) for points, _ in expected[:4]] == [1, 1, 2, 0]
    for (points, drawn), (others, other) in zip(expected, found):
        np.testing.assert_array_equal(points, others)
        np.testing.assert_array_equal(drawn, other)


def test_landmarks_that_are_not_finite_name_the_checkpoint(inferencer, images, weights, monkeypatch):
    monkeypatch.setattr(inferencer.model, 'test_step', nan_of(inferencer.model.test_step))
    with pytest.raises(ValueError, match='tiny.pth: answers landmarks or scores that are not finite'):
        next(inferencer(images[0], bboxes=BOXES))


def nan_of(test_step):
    def spoiled(data):
        samples = test_step(data)
        samples[0].pred_instances.keypoints[0, 3] = np.nan
        return samples

    return spoiled


@pytest.mark.parametrize(
    'argument',
    [
        dict(refine=-1),
        dict(refine=True),
        dict(batch_size=0),
        dict(batch_size='a'),
        dict(radios=3),
        dict(radius=0),
        dict(thickness='a'),
        dict(kpt_thr='a'),
        dict(draw_bbox='yes'),
        dict(show='yes'),
        dict(return_vis=3),
        dict(return_datasamples=1),
        dict(vis_out_dir=3),
        dict(pred_out_dir=3),
        dict(out_dir=3),
        dict(skeleton_style='a'),
        dict(bboxes=3),
    ],
    ids=str,
)
def test_wrong_arguments_are_named(inferencer, images, argument):
    with pytest.raises(ValueError, match=next(iter(argument))):
        inferencer(images[0], **argument)


@pytest.mark.parametrize(
    'argument, message',
    [
        (dict(model=3), 'model=3, expected a path'),
        (dict(weights=3), 'weights=3, expected a path'),
        (dict(weights=''), "weights='', expected a path"),
        (dict(device='gpu'), "device='gpu', expected such as 'cpu'"),
        (dict(device='cuda:99'), "device='cuda:99', but torch sees . GPUs"),
        (dict(detector=3), 'unknown detector 3'),
        (dict(detector='mmdet', detector_weights=3), 'detector_weights=3, expected a path'),
        (dict(show_progress='yes'), "show_progress='yes', expected True or False"),
        (dict(orientation='up'), "orientation: found 'up', expected one of"),
        (dict(min_score='a'), "min_score='a'"),
        (dict(min_score=float('nan')), 'min_score=nan, expected a number'),
    ],
    ids=str,
)
@pytest.mark.parametrize('made', [FaceLandmarkInferencer, FaceLandmarkTracker])
def test_wrong_arguments_are_named_before_anything_is_read(made, argument, message):
    with pytest.raises(ValueError, match=message):
        made(**dict(weights='nowhere.pth') | argument)


def test_a_model_of_mmpose_is_not_downloaded_unasked():
    with pytest.raises(
        ValueError,
        match="model 'face' is one of MMPose, whose weights are not downloaded unasked: "
        'give a file as weights, or the URL https://.* to download it',
    ):
        FaceLandmarkInferencer('face', device='cpu')


def test_the_config_in_a_checkpoint_is_not_run(tmp_path):
    checkpoint = torch.load(DEFAULT_WEIGHTS, weights_only=True)
    mark = tmp_path / 'mark'
    checkpoint['meta']['cfg'] += f'\nopen({str(mark)!r}, "w")\n'
    path = tmp_path / 'foreign.pth'
    torch.save(checkpoint, path)
    with pytest.raises(ValueError, match='the config in the checkpoint: line .*: found .*open'):
        FaceLandmarkInferencer(weights=str(path))
    assert not mark.exists()


def test_it_can_be_copied_and_says_why_it_cannot_be_pickled(inferencer, images):
    (result,), (other,) = (each(images[0], bboxes=BOXES) for each in (inferencer, copy.deepcopy(inferencer)))
    np.testing.assert_array_equal(keypoints(result), keypoints(other))
    with pytest.raises(TypeError, match='a FaceLandmarkInferencer cannot be pickled, .* make one in each process'):
        pickle.dumps(inferencer)


@pytest.fixture(scope='module')
def calibrated(config, weights, calibration, tmp_path_factory):
    path = tmp_path_factory.mktemp('calibrated') / 'tiny.pth'
    torch.save({**torch.load(weights, weights_only=True), 'calibration': calibration}, path)
    return FaceLandmarkInferencer(config, str(path), device='cpu', detector='whole_image')


def test_calibrated_weights_tell_errors_and_visibility(calibrated, inferencer, images, tmp_path):
    (result,) = calibrated(images[0], bboxes=BOXES, pred_out_dir=tmp_path)
    (plain,) = inferencer(images[0], bboxes=BOXES)
    saved = json.loads(next(tmp_path.glob('*.json')).read_text())
    assert [face['keypoint_covariances'] for face in saved] == [
        face['keypoint_covariances'] for face in result['predictions'][0]
    ]
    for face, same in zip(result['predictions'][0], plain['predictions'][0]):
        assert face['keypoints'] == same['keypoints'] and 'keypoint_covariances' not in same
        covariances = np.array(face['keypoint_covariances'])
        assert covariances.shape == (68, 2, 2) and (np.linalg.eigvalsh(covariances) > 0).all()
        assert np.shape(face['keypoints_visible']) == (68,) and np.ptp(face['keypoints_visible']) > 0.1


def test_covariances_come_back_to_the_image():
    """A standard deviation of 2 pixels of the input along x, in a crop of 3 image pixels each, turned by a quarter."""
    sample = PoseDataSample(metainfo=dict(input_size=(64, 64), input_scale=np.array([192.0, 96.0])))
    sample.pred_instances = InstanceData(keypoint_covariances=np.diag([4.0, 1.0])[None, None].astype(np.float32))
    spread_back(sample, 90.0)
    np.testing.assert_allclose(sample.pred_instances.keypoint_covariances[0, 0], np.diag([1.5**2, 6.0**2]), atol=1e-4)


def test_covariances_in_another_layout(config, calibrated, images):
    converted = FaceLandmarkInferencer(
        config, calibrated._weights, device='cpu', detector='whole_image', layout='300w49'
    )
    (result,), (own,) = (each(images[0], bboxes=BOXES[:1]) for each in (converted, calibrated))
    (found,) = result['predictions'][0]
    (source,) = own['predictions'][0]
    assert np.shape(found['keypoint_covariances']) == (49, 2, 2)
    np.testing.assert_allclose(found['keypoint_covariances'][0], source['keypoint_covariances'][17], rtol=1e-4)


def test_uncertainty_is_drawn_where_it_is_told(calibrated, inferencer, images):
    options = {}, dict(draw_uncertainty=True), dict(draw_uncertainty=True, black_background=True)
    plain, drawn, black = (
        next(calibrated(images[0], bboxes=BOXES[:1], return_vis=True, **option)) for option in options
    )
    changed = (plain['visualization'][0] != drawn['visualization'][0]).any(-1)
    assert 50 < changed.sum() < changed.size
    assert (black['visualization'][0] == 0).all(-1).mean() > 0.1
    with pytest.raises(ValueError, match='tiny.pth without a calibration, which mmfld calibrate adds'):
        next(inferencer(images[0], draw_uncertainty=True, return_vis=True))
