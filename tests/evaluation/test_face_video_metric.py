"""The metric on videos of a few frames, small enough to compute by hand: eye corners 100 px apart, 1 px is 1 %."""

import csv

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.registry import METRICS
from mmpose.structures import PoseDataSample

from mmfld.evaluation import FaceAlignmentMetric, FaceVideoMetric
from mmfld.structures import get_layout


def frame(video, index, error=0.0, gt_shift=(0.0, 0.0), excluded=None, **attributes):
    """One frame: the face is moved by ``gt_shift``, and all landmarks predicted ``error`` (px, or (x, y)) off."""
    gt = np.full((1, 68, 2), 50.0)
    gt[0, get_layout('300w68').eye_corners, :] = [[0, 0], [100, 0]]
    gt += gt_shift
    error = (0.6 * error, 0.8 * error) if np.isscalar(error) else error
    annotation = dict(attributes=attributes)
    if excluded is not None:
        annotation['excluded'] = excluded
    return dict(
        id=f'{video}:{index}',
        img_path=f'{video}/{index:06d}.jpg',
        video=video,
        frame=index,
        pred_instances=dict(keypoints=gt + error),
        gt_instances=dict(keypoints=gt, keypoints_visible=np.ones((1, 68), np.float32)),
        raw_ann_info=annotation,
    )


def evaluate(samples, **kwargs):
    metric = FaceVideoMetric('300w68', **{'per_area': False, **kwargs})
    metric.process([], samples)
    return metric.evaluate(len(samples))


def video(name, errors, **kwargs):
    return [frame(name, index, error, **kwargs) for index, error in enumerate(errors)]


# --- NME -------------------------------------------------------------------------------------------------------------


def test_mean_of_frames_and_mean_of_videos():
    metrics = evaluate(video('long', [2, 2, 2, 4]) + video('short', [10, 12]))
    assert metrics['NME'] == pytest.approx(32 / 6)
    assert metrics['NME_video'] == pytest.approx((2.5 + 11) / 2)


def test_everything_exists_for_each_attribute():
    samples = (
        video('a', [2, 2, 4], scenario_1=1, scenario_2=0)
        + video('b', [8] * 5, scenario_1=1, scenario_2=0)
        + video('c', [5, 5, 9], scenario_1=0, scenario_2=1)
    )
    metrics = evaluate(samples)
    assert metrics['NME/scenario_1'] == pytest.approx(48 / 8)
    assert metrics['NME_video/scenario_1'] == pytest.approx((8 / 3 + 8) / 2)
    assert metrics['NME_video/scenario_2'] == pytest.approx(19 / 3)
    assert metrics['flicker/scenario_1'] == pytest.approx((2 + 0 + 0 + 0) / 4, rel=1e-5)
    assert metrics['flicker/scenario_2'] == pytest.approx(4, rel=1e-5)
    assert {key.partition('/')[0] for key in metrics} == {'NME', 'FR', 'AUC', 'NME_video', 'flicker', 'flicker_pred'}


def test_common_metrics_are_those_of_images():
    samples = video('a', [2, 3, 12], pose=1) + video('b', [4])
    of_images = FaceAlignmentMetric('300w68', threshold=0.08)
    of_images.process([], samples)
    of_images = of_images.evaluate(4)
    metrics = evaluate(samples, threshold=0.08, per_area=True)
    assert 'NME/area_mouth' in of_images and 'AUC/pose' in of_images
    assert {key: metrics[key] for key in of_images} == of_images


def test_several_norms_and_the_crop():
    """A face of 100 px between the eye corners and 50 between the pupils; the second frame leaves the crop."""
    crop = dict(input_center=np.array([50.0, 50.0]), input_scale=np.array([200.0, 200.0]), input_size=(200, 200))
    samples = [dict(sample, **crop) for sample in video('a', [1, 1, 2]) + video('b', [4])]
    for sample in samples:
        for field in ('gt_instances', 'pred_instances'):
            sample[field]['keypoints'][0, 42:45] += [100, 0]  # three of the six landmarks around one eye
            sample[field]['keypoints'][0, 46:48] += [80, 0]
    metrics = evaluate(samples, norm=['inter_ocular', 'inter_pupil'], clamped=True)
    alone = evaluate(samples, norm='inter_pupil')
    assert {key.removeprefix('inter_pupil/') for key in metrics if key.startswith('inter_pupil/')} >= set(alone)
    assert {key: metrics[f'inter_pupil/{key}'] for key in alone} == pytest.approx(alone)
    assert metrics['inter_pupil/flicker'] == pytest.approx(
        metrics['flicker'] * metrics['inter_pupil/NME'] / metrics['NME']
    )
    assert metrics['NME_video'] == pytest.approx((4 / 3 + 4) / 2)
    assert {key for key in metrics if 'clamped' in key and '/' not in key} == {
        'NME_clamped',
        'FR_clamped',
        'AUC_clamped',
        'NME_video_clamped',
    }


# --- flicker ---------------------------------------------------------------------------------------------------------


def test_constant_error_of_an_accelerated_face():
    metrics = evaluate([frame('a', t, error=5, gt_shift=(3 * t**2, 4 * t**2)) for t in range(5)])
    assert metrics['flicker'] == pytest.approx(0, abs=1e-4)
    assert metrics['flicker_pred'] == pytest.approx(10, rel=1e-5)


def test_flicker_of_the_prediction_and_of_the_annotation():
    # an error of +-1 px about a smooth annotation; then annotations that flicker about smooth predictions
    of_pred = evaluate([frame('a', t, error=((-1) ** t, 0.0)) for t in range(5)])
    assert (of_pred['flicker'], of_pred['flicker_pred']) == pytest.approx((4, 4), rel=1e-5)
    of_gt = evaluate([frame('a', t, error=((-1) ** t, 0.0), gt_shift=(-((-1) ** t), 0)) for t in range(5)])
    assert (of_gt['flicker'], of_gt['flicker_pred']) == pytest.approx((4, 0), rel=1e-5, abs=1e-4)


def test_flicker_is_divided_by_the_size_in_its_frame():
    samples = [frame('a', t, error=((-1) ** t, 0.0)) for t in range(4)]
    for sample in samples[2:]:  # a face of twice the size, the same errors in px
        sample['gt_instances']['keypoints'] = 2 * sample['gt_instances']['keypoints']
        sample['pred_instances']['keypoints'] = sample['gt_instances']['keypoints'] + [(-1) ** sample['frame'], 0]
    assert evaluate(samples)['flicker'] == pytest.approx((4 + 2) / 2, rel=1e-5)


def test_flicker_does_not_cross_videos_or_gaps():
    samples = video('a', [1, 1, 1]) + video('b', [9, 9, 9])
    samples += [frame('c', index, error) for index, error in ((0, 1), (1, 1), (2, 1), (5, 7), (6, 7), (7, 9))]
    assert evaluate(samples)['flicker'] == pytest.approx((0 + 0 + 0 + 2) / 4, rel=1e-5)


def test_landmarks_that_are_not_annotated_do_not_flicker():
    samples = video('a', [1, 1, 1, 1])
    samples[2]['gt_instances']['keypoints_visible'][0, :10] = 0
    for sample in samples:
        sample['pred_instances']['keypoints'][0, :10] += 50 * (-1) ** sample['frame']
    assert evaluate(samples)['flicker'] == pytest.approx(0, abs=1e-4)


def test_flicker_of_the_49_inner_points():
    samples = video('a', [1, 1, 1])
    for sample in samples:
        sample['pred_instances']['keypoints'][0, :17] += 50 * (-1) ** sample['frame']
    assert evaluate(samples, error_layout='300w49')['flicker'] == pytest.approx(0, abs=1e-4)
    assert evaluate(samples)['flicker'] > 1


def test_no_flicker_without_three_frames_in_a_row():
    metrics = evaluate([frame('a', index, 2, scenario_1=1) for index in (0, 10, 20)])
    assert set(metrics) == {f'{key}{of}' for key in ('NME', 'FR', 'AUC', 'NME_video') for of in ('', '/scenario_1')}


# --- excluded frames -------------------------------------------------------------------------------------------------


def with_bad_annotation():
    samples = video('a', [2, 2, 2, 2, 2], excluded=0)
    samples[2] = frame('a', 2, error=42, excluded=1)
    return samples


def test_excluded_frames_do_not_count():
    metrics = evaluate(with_bad_annotation() + video('b', [4, 4, 4]))
    assert metrics['NME'] == pytest.approx(20 / 7)
    assert metrics['NME_video'] == pytest.approx(3)
    # none of the first video has both neighbours
    assert metrics['flicker'] == pytest.approx(0, abs=1e-4)


def test_excluded_frames_count_if_wanted():
    metrics = evaluate(with_bad_annotation(), count_excluded=True)
    assert metrics['NME'] == pytest.approx(50 / 5)
    assert metrics['flicker'] == pytest.approx((40 + 80 + 40) / 3, rel=1e-5)


def test_excluded_annotations_need_not_be_usable():
    bad = frame('a', 3, excluded=1)
    bad['gt_instances']['keypoints'][:] = 0
    assert evaluate(video('a', [2, 2, 2]) + [bad])['NME'] == pytest.approx(2)
    with pytest.raises(ValueError, match='^a/000003.jpg: the inter_ocular distance is 0 pixels'):
        evaluate([bad], count_excluded=True)


def test_a_batch_of_excluded_frames_only():
    metric = FaceVideoMetric('300w68')
    metric.process([], [frame('a', 0, excluded=1)])
    metric.process([], [frame('a', 1, error=3, excluded=0)])
    assert metric.evaluate(2)['NME'] == pytest.approx(3)


# --- collection ------------------------------------------------------------------------------------------------------


def test_any_order_and_repeated_frames():
    samples = video('a', [2, 2, 7, 2, 5], scenario_1=1) + video('b', [4, 4, 6])
    order = np.random.default_rng(0).permutation(len(samples))
    shuffled = [samples[index] for index in order]
    assert evaluate(shuffled + shuffled[:3]) == pytest.approx(evaluate(samples))


def test_the_first_result_of_a_frame_counts():
    assert evaluate(video('a', [2, 2]) + [frame('a', 0, error=30)])['NME'] == pytest.approx(2)


def test_a_data_set_counted_in_clips_is_not_cut():
    # MMEngine tells the length of the data set, here one clip of four frames
    metric = FaceVideoMetric('300w68')
    metric.process([], video('a', [2, 4, 6, 8]))
    assert metric.evaluate(1)['NME'] == pytest.approx(5)


def test_state_is_reset_between_evaluations():
    metric = FaceVideoMetric('300w68')
    for error in (2, 6):
        metric.process([], video('a', [error] * 3))
        assert metric.evaluate(3)['NME'] == pytest.approx(error)


def test_through_mmengine_evaluator_with_tensors():
    samples = []
    for sample in video('a', [3, 3, 5]):
        metainfo = {key: sample[key] for key in ('id', 'img_path', 'video', 'frame', 'raw_ann_info')}
        data_sample = PoseDataSample(metainfo=metainfo)
        for field in ('pred_instances', 'gt_instances'):
            instances = {key: torch.from_numpy(value) for key, value in sample[field].items()}
            setattr(data_sample, field, InstanceData(**instances))
        samples.append(data_sample)
    evaluator = Evaluator(METRICS.build(dict(type='FaceVideoMetric', layout='300w68', prefix='300vw')))
    evaluator.process(samples, None)
    metrics = evaluator.evaluate(3)
    assert metrics['300vw/NME_video'] == pytest.approx(11 / 3)
    assert metrics['300vw/flicker'] == pytest.approx(2, rel=1e-5)


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('field, value', [('video', None), ('video', 7), ('frame', None), ('frame', '7')])
def test_a_frame_needs_its_place(field, value):
    sample = frame('a', 4)
    sample[field] = value
    with pytest.raises(ValueError, match=f"^a/000004.jpg: the meta information '{field}' is {value!r}, expected"):
        evaluate([sample])


def test_one_face_in_a_frame():
    samples = [frame('a', 4), dict(frame('a', 4), id='other')]
    with pytest.raises(ValueError, match="^a/000004.jpg: frame 4 of video 'a' has the annotations a:4 and other"):
        evaluate(samples)


# --- files -----------------------------------------------------------------------------------------------------------


def read(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


def test_tables(tmp_path):
    samples = video('b', [3, 3, 5, 5], scenario_1=1) + with_bad_annotation() + [frame('c', 0, excluded=1)]
    evaluate(samples[::-1], out_dir=tmp_path)

    videos = read(tmp_path / 'per_video_errors.csv')
    assert list(videos[0]) == ['video', 'frames', 'excluded', 'nme_percent', 'flicker_percent', 'flicker_pred_percent']
    assert [(row['video'], row['frames'], row['excluded']) for row in videos] == [
        ('a', '4', '1'),
        ('b', '4', '0'),
        ('c', '0', '1'),
    ]
    assert [float(row['nme_percent']) for row in videos[:2]] == pytest.approx([2, 4])
    assert float(videos[1]['flicker_percent']) == pytest.approx(2, rel=1e-5)
    assert videos[0]['flicker_percent'] == '' and videos[2]['nme_percent'] == ''

    frames = read(tmp_path / 'per_image_errors.csv')
    assert list(frames[0]) == [
        'id',
        'img_path',
        'nme_percent',
        'video',
        'frame',
        'flicker_percent',
        'flicker_pred_percent',
        'scenario_1',
    ]
    assert [(row['video'], row['frame'], row['scenario_1']) for row in frames] == [
        ('a', '0', '0'),
        ('a', '1', '0'),
        ('a', '3', '0'),
        ('a', '4', '0'),
        ('b', '0', '1'),
        ('b', '1', '1'),
        ('b', '2', '1'),
        ('b', '3', '1'),
    ]
    assert [float(row['nme_percent']) for row in frames[4:]] == pytest.approx([3, 3, 5, 5])
    assert frames[4]['flicker_percent'] == '' and float(frames[5]['flicker_percent']) == pytest.approx(2, rel=1e-5)
    assert (tmp_path / 'ced.png').read_bytes()[:4] == b'\x89PNG'


def test_frames_without_the_norm_are_left_out_of_their_video_as_well():
    frames = video('a', [2, 2, 8]) + video('b', [6])
    frames[2]['gt_instances']['keypoints_visible'][0, get_layout('300w68').eye_corners[0]] = 0
    metrics = evaluate(frames, without_norm='leave_out')
    assert metrics['NME'] == pytest.approx(10 / 3) and metrics['NME_video'] == pytest.approx((2 + 6) / 2)


def test_excluded_frames_are_not_checked_before_a_run():
    frames = video('a', [2]) + video('a', [2], excluded=1)
    frames[1]['gt_instances']['keypoints_visible'][:] = 0
    faces = [dict(one, **one['gt_instances']) for one in frames]
    FaceVideoMetric('300w68').check_faces(faces, 'clips.json')
    with pytest.raises(ValueError, match='clips.json: 1 of 2 faces cannot be measured'):
        FaceVideoMetric('300w68', count_excluded=True).check_faces(faces, 'clips.json')
