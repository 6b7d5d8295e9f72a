"""The metric against the reference code's values, and against cases small enough to compute by hand."""

import csv
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.datasets.transforms import TopdownAffine
from mmpose.registry import METRICS
from mmpose.structures import PoseDataSample

from mmfld.datasets.transforms import FaceAffine, GetFaceCrop
from mmfld.evaluation import FaceAlignmentMetric, draw_ced, functional
from mmfld.structures import get_layout

PLOT_CED = Path(__file__).parents[2] / 'tools' / 'analysis_tools' / 'plot_ced.py'

# (set, normaliser) of shared/golden/metrics.npz -> layout, norm, threshold
GOLDEN = {
    ('WFLW', 'default'): ('wflw98', 'inter_ocular', 0.1),
    ('WFLW', 'pupil'): ('wflw98', 'inter_pupil', 0.1),
    ('300W', 'default'): ('300w68', 'inter_ocular', 0.05),
    ('300W', 'pupil'): ('300w68', 'inter_pupil', 0.05),
    ('COFW', 'default'): ('cofw29', 'inter_pupil', 0.1),
    ('COFW', 'ocular'): ('cofw29', 'inter_ocular', 0.1),
}


def face(layout, name='face.jpg', error=0.0, annotation=None):
    """A sample with eye corners 100 px apart in a box of 400 x 100 px, each landmark predicted ``error`` px off."""
    layout = get_layout(layout)
    gt = np.full((1, layout.num_keypoints, 2), 50.0)
    right, left = layout.eye_corners
    gt[0, right], gt[0, left] = (0, 0), (100, 0)
    free = [k for k in range(layout.num_keypoints) if k not in (right, left)]
    gt[0, free[0]], gt[0, free[1]] = (0, 100), (400, 100)
    return dict(
        id=7,
        img_id=7,
        img_path=name,
        pred_instances=dict(keypoints=gt + [0.6 * error, 0.8 * error]),
        gt_instances=dict(keypoints=gt, keypoints_visible=np.ones(gt.shape[:2], np.float32)),
        raw_ann_info=annotation or {},
    )


def evaluate(samples, layout='wflw98', **kwargs):
    metric = FaceAlignmentMetric(layout, **kwargs)
    metric.process([], samples)
    return metric.evaluate(len(samples))


# --- reference values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('case', GOLDEN)
def test_legacy_equals_the_reference_code(golden_dir, case):
    layout, norm, threshold = GOLDEN[case]
    golden = np.load(golden_dir / 'metrics.npz')
    gt, pred = golden[f'{case[0]}_gt'], golden[f'{case[0]}_pd']
    metric = FaceAlignmentMetric(layout, norm=norm, threshold=threshold, legacy=True)
    samples = [face(layout, f'{i}.jpg') for i in range(len(gt))]
    for i, sample in enumerate(samples):
        sample['gt_instances']['keypoints'], sample['pred_instances']['keypoints'] = gt[i : i + 1], pred[i : i + 1]
    metric.process([], samples)
    np.testing.assert_allclose(
        [result['errors']['NME'] for result in metric.results], golden[f'{case[0]}_{case[1]}_nmes'], rtol=2e-6
    )
    metrics = metric.evaluate(len(samples))
    fr, auc = golden[f'{case[0]}_{case[1]}_fr_auc']
    assert metrics['FR'] == pytest.approx(100 * fr, abs=1e-9)
    assert metrics['AUC'] == pytest.approx(auc, abs=1e-9)


def test_legacy_grid_at_5_percent_ends_at_5_01_percent():
    errors = np.array([0.05005])
    assert functional.failure_rate(errors, 0.05, legacy=True) == 0
    assert functional.failure_rate(errors, 0.05) == 1


# --- functions, by hand ----------------------------------------------------------------------------------------------


def test_auc_is_the_area_under_the_steps():
    errors = np.array([0.08, 0.02, 0.05, 0.3])
    # 0 up to 0.02, 1/4 up to 0.05, 2/4 up to 0.08, 3/4 up to 0.10
    area = 0.25 * 0.03 + 0.5 * 0.03 + 0.75 * 0.02
    assert functional.auc(errors, 0.1) == pytest.approx(area / 0.1)
    x, y = functional.ced(errors)
    np.testing.assert_allclose(x, [0, 0.02, 0.05, 0.08, 0.3])
    np.testing.assert_allclose(y, [0, 0.25, 0.5, 0.75, 1])


def test_auc_is_the_limit_of_a_fine_grid():
    errors = np.random.default_rng(0).gamma(3, 0.02, 500)
    grid = np.linspace(0, 0.1, 200001)
    fine = (errors[:, None] <= grid[::10]).mean(axis=0)
    assert functional.auc(errors, 0.1) == pytest.approx(((fine[1:] + fine[:-1]) / 2).mean(), abs=1e-5)


def test_an_error_at_the_threshold_is_no_failure():
    assert functional.failure_rate(np.array([0.1, np.nextafter(0.1, 1)]), 0.1) == 0.5


@pytest.mark.parametrize('errors', [[], [0.1, np.nan], [-0.1], [[0.1]]])
def test_functions_refuse_what_is_no_list_of_errors(errors):
    for function in (functional.ced, lambda e: functional.auc(e, 0.1), lambda e: functional.failure_rate(e, 0.1, True)):
        with pytest.raises(ValueError, match='expected'):
            function(np.array(errors))


def test_pupils_of_300w_are_the_centres_of_the_eyes():
    layout = get_layout('300w68')
    keypoints = np.zeros((1, 68, 2))
    keypoints[0, 36:42] = np.arange(12).reshape(6, 2)  # centre (5, 6)
    keypoints[0, 42:48] = np.arange(12).reshape(6, 2) + [30, 40]
    visible = np.ones((1, 68), bool)
    np.testing.assert_allclose(functional.inter_pupil(keypoints, visible, layout), [50])
    visible[0, 38] = False
    assert np.isnan(functional.inter_pupil(keypoints, visible, layout)).all()


def test_box_is_that_of_the_annotated_landmarks():
    keypoints = np.array([[[1.0, 1], [4, 1], [2, 5], [-90, 99]]])
    visible = np.array([[True, True, True, False]])
    np.testing.assert_allclose(functional.box_size(keypoints, visible), [np.sqrt(3 * 4)])
    np.testing.assert_allclose(functional.box_diagonal(keypoints, visible), [5])
    assert np.isnan(functional.box_size(keypoints, np.zeros((1, 4), bool))).all()


# --- metric ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'norm, annotation, distance',
    [
        ('inter_ocular', None, 100),
        ('box', None, 200),
        ('diagonal', None, np.hypot(400, 100)),
        ('box_side', dict(box_size=250.0, scale=9.0), 250),
        ('box_side', dict(scale=1.5), 300),
    ],
)
def test_norms(norm, annotation, distance):
    metrics = evaluate([face('aflw19', error=10, annotation=annotation)], 'aflw19', norm=norm)
    assert metrics['NME'] == pytest.approx(100 * 10 / distance)


def test_headline_numbers_count_every_sample():
    # errors of 2, 5, 8 and 30 percent; an odd last batch must not get lost
    metric = FaceAlignmentMetric('300w68', per_area=False)
    metric.process([], [face('300w68', error=e) for e in (2, 5, 8)])
    metric.process([], [face('300w68', error=30)])
    metrics = metric.evaluate(4)
    assert metrics == pytest.approx(dict(NME=11.25, FR=25.0, AUC=(0.8 + 0.5 + 0.2) / 4))


def test_only_annotated_landmarks_count():
    sample = face('wflw98', error=4)
    sample['pred_instances']['keypoints'][0, :33] += 1000
    sample['gt_instances']['keypoints'][0, :33] = np.nan
    sample['gt_instances']['keypoints_visible'][0, :33] = 0
    metrics = evaluate([sample])
    assert metrics['NME'] == pytest.approx(4)
    assert 'NME/area_contour' not in metrics
    assert metrics['NME/area_eye'] == pytest.approx(4)


def test_visibility_may_carry_weights():
    sample = face('wflw98', error=4)
    sample['pred_instances']['keypoints'][0, 0] += 1000
    visible = np.ones((1, 98, 2))
    visible[0, 0, 0] = 0
    sample['gt_instances']['keypoints_visible'] = visible
    assert evaluate([sample])['NME'] == pytest.approx(4)


def test_areas():
    # the mouth of the first face is 13 px further off, the second face shows no mouth
    samples = [face('wflw98', error=2), face('wflw98', error=6)]
    mouth = list(get_layout('wflw98').areas['mouth'])
    samples[0]['pred_instances']['keypoints'][0, mouth] = samples[0]['gt_instances']['keypoints'][0, mouth] + [5, 12]
    samples[1]['gt_instances']['keypoints_visible'][0, mouth] = 0
    metrics = evaluate(samples)
    assert metrics['NME/area_mouth'] == pytest.approx(13)
    assert metrics['NME/area_nose'] == pytest.approx(4)
    assert {key for key in metrics if 'area' in key} == {
        f'NME/area_{name}' for name in ('contour', 'eyebrow', 'nose', 'eye', 'mouth')
    }


def test_error_of_the_49_inner_points():
    # contour and inner corners of the mouth are far off and do not count; d is that of the eye corners among all 68
    sample = face('300w68', error=4)
    sample['pred_instances']['keypoints'][0, [*range(17), 60, 64]] += 1000
    metrics = evaluate([sample], '300w68', threshold=0.08, error_layout='300w49')
    assert metrics['NME'] == pytest.approx(4)
    assert metrics['AUC'] == pytest.approx(0.5)
    assert {key for key in metrics if 'area' in key} == {
        f'NME/area_{name}' for name in ('eyebrow', 'nose', 'eye', 'mouth')
    }


def test_normaliser_is_of_all_landmarks_where_49_count():
    sample = face('300w68', error=4)
    sample['gt_instances']['keypoints'][0, 0] = 400, 400
    sample['pred_instances']['keypoints'][0, 0] = 400, 400
    assert evaluate([sample], '300w68', norm='box', error_layout='300w49')['NME'] == pytest.approx(1)


def test_landmarks_that_cannot_be_made_do_not_count():
    # of the two points of a lid one is not annotated: then neither is its middle, nor the pupil
    sample = face('300w68', error=4)
    sample['gt_instances']['keypoints_visible'][0, 37] = 0
    sample['pred_instances']['keypoints'][0, 37:39] += 1000
    assert evaluate([sample], '300w68', error_layout='cofw25')['NME'] == pytest.approx(4)


# published name -> arguments, result; two faces 6 and 16 px off, eye corners 100 px apart, box 400 x 100, side 250 px
PROTOCOLS = {
    'NME_ic': ('300w68', dict(norm='inter_ocular'), 'NME', (6 + 16) / 2),
    'FR10': ('wflw98', dict(norm='inter_ocular', threshold=0.1), 'FR', 50),
    'AUC10': ('wflw98', dict(norm='inter_ocular', threshold=0.1), 'AUC', 0.4 / 2),
    'AUC_ic@0.08 on 49': ('300w68', dict(norm='inter_ocular', threshold=0.08, error_layout='300w49'), 'AUC', 0.25 / 2),
    'NME_box': ('300w68', dict(norm='box', threshold=0.07), 'NME', (3 + 8) / 2),
    'AUC7_box': ('300w68', dict(norm='box', threshold=0.07), 'AUC', (4 / 7) / 2),
    'NME_diag': ('aflw19', dict(norm='box_side'), 'NME', (2.4 + 6.4) / 2),
}


@pytest.mark.parametrize('name', PROTOCOLS)
def test_published_protocols(name):
    layout, arguments, key, value = PROTOCOLS[name]
    samples = [face(layout, error=error, annotation=dict(box_size=250.0)) for error in (6, 16)]
    assert evaluate(samples, layout, **arguments)[key] == pytest.approx(value)


def test_subsets():
    flags = [dict(large_pose=1, blur=0, makeup=0), dict(large_pose=1, blur=1, makeup=0), {}]
    samples = [face('wflw98', error=e, annotation=dict(attributes=f)) for e, f in zip((2, 12, 4), flags)]
    metrics = evaluate(samples, per_area=False)
    assert metrics == pytest.approx(
        {
            'NME': 6,
            'FR': 100 / 3,
            'AUC': (0.8 + 0.6) / 3,
            'NME/large_pose': 7,
            'FR/large_pose': 50,
            'AUC/large_pose': 0.4,
            'NME/blur': 12,
            'FR/blur': 100,
            'AUC/blur': 0,
        }
    )


def test_through_mmengine_evaluator_with_tensors():
    sample = face('cofw29', error=3)
    data_sample = PoseDataSample(metainfo=dict(id=1, img_id=1, img_path='a.jpg', raw_ann_info={}))
    for field in ('pred_instances', 'gt_instances'):
        instances = {key: torch.from_numpy(value) for key, value in sample[field].items()}
        setattr(data_sample, field, InstanceData(**instances))
    evaluator = Evaluator(METRICS.build(dict(type='FaceAlignmentMetric', layout='cofw29', prefix='cofw')))
    evaluator.process([data_sample, data_sample], None)
    assert evaluator.evaluate(2)['cofw/NME'] == pytest.approx(3)


# --- several norms ---------------------------------------------------------------------------------------------------


def naive_nme(samples, left, right, box=None):
    """Percent, by loops; the truth moved into the box (x1, y1, x2, y2) before anything is measured."""
    errors = []
    for sample in samples:
        pred, gt = (np.array(sample[field]['keypoints'][0]) for field in ('pred_instances', 'gt_instances'))
        for point in gt if box else ():
            point[:] = min(max(point[0], box[0]), box[2]), min(max(point[1], box[1]), box[3])
        d = np.linalg.norm(gt[left].mean(axis=0) - gt[right].mean(axis=0))
        errors.append(np.mean([np.linalg.norm(p - g) for p, g in zip(pred, gt)]) / d)
    return 100 * np.mean(errors)


def random_faces(layout, number, **meta):
    rng = np.random.default_rng(0)
    samples = []
    for index in range(number):
        sample = face(layout, f'{index}.jpg', annotation=dict(attributes=dict(common=index % 2)))
        sample['gt_instances']['keypoints'] = rng.uniform(0, 100, sample['gt_instances']['keypoints'].shape)
        sample['pred_instances']['keypoints'] = sample['gt_instances']['keypoints'] + rng.normal(
            0, 3, sample['gt_instances']['keypoints'].shape
        )
        samples.append(dict(sample, **meta))
    return samples


EYES = dict(inter_ocular=([36], [45]), inter_pupil=([*range(36, 42)], [*range(42, 48)]))


@pytest.mark.parametrize('norms', [['inter_ocular', 'inter_pupil'], ('inter_pupil', 'inter_ocular')])
def test_each_norm_reports_the_same_metrics_and_the_first_without_its_name(norms):
    samples = random_faces('300w68', 4)
    metrics = evaluate(samples, '300w68', norm=norms)
    first, second = (evaluate(samples, '300w68', norm=norm) for norm in norms)
    assert {'NME/common', 'FR/common', 'NME/area_mouth'} < set(first)
    assert metrics == {**first, **{f'{norms[1]}/{key}': value for key, value in second.items()}}
    assert metrics['NME'] == pytest.approx(naive_nme(samples, *EYES[norms[0]]))
    assert metrics[f'{norms[1]}/NME'] == pytest.approx(naive_nme(samples, *EYES[norms[1]]))
    assert metrics[f'{norms[1]}/NME/common'] == pytest.approx(naive_nme(samples[1::2], *EYES[norms[1]]))


@pytest.mark.parametrize('norm', [[], ['box', 'box'], ['inter_ocular', 'diag']])
def test_norms_are_known_and_different(norm):
    with pytest.raises(ValueError, match='one or several different ones'):
        FaceAlignmentMetric('300w68', norm=norm)


def test_a_second_norm_needs_pupils_as_well():
    with pytest.raises(ValueError, match="norm 'inter_pupil' needs pupils, but layout 'aflw19' annotates none"):
        FaceAlignmentMetric('aflw19', norm=['box_side', 'inter_pupil'])


# --- clamped to the crop ---------------------------------------------------------------------------------------------


def test_clamped_by_hand():
    # a crop of 10 x 10 px at 2 image px each, without the half pixel (MMPose): its outer border is -1 .. 19, 39 .. 59
    sample = face('aflw19', annotation=dict(box_size=50.0))
    sample.update(input_center=np.array([10.0, 50.0]), input_scale=np.array([20.0, 20.0]), input_size=(10, 10))
    gt = np.tile([5.0, 50.0], (19, 1))
    gt[0], gt[1] = (25, 63), (-4, 39)
    pred = np.tile([5.0, 50.0], (19, 1))
    pred[0], pred[1] = (19, 59), (-1, 39)
    sample['gt_instances']['keypoints'], sample['pred_instances']['keypoints'] = gt[None], pred[None]
    metrics = evaluate([sample], 'aflw19', norm='box_side', clamped=True)
    assert metrics['NME_clamped'] == pytest.approx(0)
    assert metrics['NME'] == pytest.approx(100 * (np.hypot(6, 4) + 3) / 19 / 50)


def test_the_distance_is_that_of_clamped_landmarks():
    # eye corners 100 px apart, of which the crop shows 80; everything is predicted where it is in the crop
    sample = face('aflw19')
    sample.update(input_center=np.array([40.0, 50.0]), input_scale=np.array([80.0, 800.0]), input_size=(80, 800))
    gt = sample['gt_instances']['keypoints']
    clamped = np.clip(gt, [-0.5, -350.5], [79.5, 449.5])
    sample['pred_instances']['keypoints'] = clamped + [0, 2]
    metrics = evaluate([sample], 'aflw19', clamped=True)
    # the left eye corner at 0 is within, the right one at 100 is moved to 79.5
    assert metrics['NME_clamped'] == pytest.approx(100 * 2 / 79.5)
    assert metrics['FR_clamped'] == 0 and metrics['AUC_clamped'] == pytest.approx(1 - 2 / 7.95)


def test_clamped_with_subsets_and_norms():
    crop = dict(input_center=np.array([50.0, 52.0]), input_scale=np.array([80.0, 80.0]), input_size=(40, 40))
    samples = random_faces('300w68', 4, **crop)
    metrics = evaluate(samples, '300w68', norm=['inter_ocular', 'inter_pupil'], clamped=True)
    box = (9, 11, 89, 91)
    for prefix, norm in (('', 'inter_ocular'), ('inter_pupil/', 'inter_pupil')):
        assert metrics[f'{prefix}NME_clamped'] == pytest.approx(naive_nme(samples, *EYES[norm], box))
        assert metrics[f'{prefix}NME_clamped/common'] == pytest.approx(naive_nme(samples[1::2], *EYES[norm], box))
        assert metrics[f'{prefix}NME'] == pytest.approx(naive_nme(samples, *EYES[norm]))
    plain = evaluate(samples, '300w68', norm=['inter_ocular', 'inter_pupil'])
    assert {key: metrics[key] for key in plain} == plain
    assert {key for key in metrics if 'clamped' in key} == {
        f'{prefix}{name}_clamped{subset}'
        for prefix in ('', 'inter_pupil/')
        for name in ('NME', 'FR', 'AUC')
        for subset in ('', '/common')
    }


@pytest.mark.parametrize('affine', [FaceAffine, TopdownAffine])
@pytest.mark.parametrize('rule, cuts', [('landmark_height', True), ('face_220', False)])
def test_through_the_transforms(affine, rule, cuts):
    """A wide face, of which the tight crop shows the middle; the landmarks in its own pixels say what it cuts off."""
    sample = face('300w68')
    gt = np.random.default_rng(0).uniform([0, 0], [300, 100], (1, 68, 2)).astype(np.float32)
    crop = affine((64, 64)).transform(
        GetFaceCrop(rule).transform(
            dict(
                img=np.zeros((120, 320, 3), np.uint8),
                keypoints=gt,
                keypoints_visible=np.ones((1, 68)),
                bbox=np.array([[*gt[0].min(axis=0), *gt[0].max(axis=0)]], np.float32),
            )
        )
    )
    sample.update({key: crop[key] for key in ('input_center', 'input_scale', 'input_size')})
    # what a network says that is perfect but for its crop, as MMPose's estimators map it back
    in_crop = np.clip(crop['transformed_keypoints'], -0.5, 63.5)
    assert (np.abs(in_crop - crop['transformed_keypoints']).max() > 1) == cuts
    pred = in_crop / 64 * crop['input_scale'] + crop['input_center'] - crop['input_scale'] / 2
    sample['gt_instances']['keypoints'], sample['pred_instances']['keypoints'] = gt, pred
    metrics = evaluate([sample], '300w68', clamped=True)
    assert metrics['NME_clamped'] == pytest.approx(0, abs=1e-3)
    assert metrics['NME'] > 1 if cuts else metrics['NME'] == pytest.approx(metrics['NME_clamped'], abs=1e-3)


def test_clamping_needs_the_crop():
    with pytest.raises(ValueError, match='^face.jpg: found no input_center, input_scale, input_size in the meta'):
        evaluate([face('300w68')], '300w68', clamped=True)


# --- errors ----------------------------------------------------------------------------------------------------------


def test_error_layout_needs_a_conversion():
    with pytest.raises(KeyError, match='no conversion wflw98 -> 300w49'):
        FaceAlignmentMetric('wflw98', error_layout='300w49')


def test_no_landmark_counts():
    sample = face('300w68', 'folder/bad.jpg')
    sample['gt_instances']['keypoints_visible'][0, 17:] = 0
    with pytest.raises(ValueError, match='^folder/bad.jpg: none of the 49 landmarks is annotated'):
        FaceAlignmentMetric('300w68', norm='box', error_layout='300w49').process([], [sample])


def test_inter_pupil_needs_a_layout_with_pupils():
    with pytest.raises(ValueError, match="'aflw19'"):
        FaceAlignmentMetric('aflw19', norm='inter_pupil')


@pytest.mark.parametrize('kwargs', [dict(norm='ocular'), dict(threshold=0)])
def test_unusable_arguments(kwargs):
    with pytest.raises(ValueError, match='ocular|threshold'):
        FaceAlignmentMetric('wflw98', **kwargs)


def _hide(*landmarks):
    return lambda sample: sample['gt_instances']['keypoints_visible'].__setitem__((0, list(landmarks)), 0)


def _move_eye_corners_together(sample):
    sample['gt_instances']['keypoints'][0, [60, 72]] = 5


def _predict_nan(sample):
    sample['pred_instances']['keypoints'][0, 3, 1] = np.nan


def _annotate_inf(sample):
    sample['gt_instances']['keypoints'][0, 3, 1] = np.inf


def _drop_a_landmark(sample):
    sample['pred_instances']['keypoints'] = sample['pred_instances']['keypoints'][:, :-1]


@pytest.mark.parametrize(
    'norm, damage, message',
    [
        ('inter_ocular', _hide(60), r'inter_ocular distance is not annotated.*\(60, 72\)'),
        ('inter_pupil', _hide(97), r'inter_pupil distance is not annotated.*97'),
        ('inter_ocular', _move_eye_corners_together, 'inter_ocular distance is 0 pixels'),
        ('inter_pupil', lambda sample: None, 'inter_pupil distance is 0 pixels'),  # face() has both pupils at one place
        ('box', _hide(*range(1, 98)), 'box distance is 0 pixels'),
        ('box_side', lambda sample: None, "box_side distance is not annotated.*'box_size' or 'scale'"),
        ('inter_ocular', _hide(*range(98)), 'none of the 98 landmarks is annotated'),
        ('inter_ocular', _predict_nan, r'predicted landmark 3 is \[.*nan\]'),
        ('inter_ocular', _annotate_inf, r'annotated landmark 3 is \[.*inf\]'),
        ('inter_ocular', _drop_a_landmark, r'pred_instances.keypoints has shape \(1, 97, 2\), expected \(1, 98, 2\)'),
    ],
)
def test_errors_name_the_image(norm, damage, message):
    bad = face('wflw98', 'folder/bad.jpg')
    damage(bad)
    good = face('wflw98', 'folder/good.jpg', annotation=dict(box_size=100.0))
    good['gt_instances']['keypoints'][0, 97] += 5
    with pytest.raises(ValueError, match=f'^folder/bad.jpg: .*{message}'):
        FaceAlignmentMetric('wflw98', norm=norm).process([], [good, bad])


@pytest.fixture
def log(monkeypatch):
    """The messages of the metric."""
    messages = []
    monkeypatch.setattr(
        'mmfld.evaluation.face_alignment_metric.print_log', lambda message, **kwargs: messages.append(message)
    )
    return messages


def without_eye(name, error):
    sample = face('wflw98', name, error, dict(attributes=dict(blur=1)))
    _hide(60)(sample)
    return sample


def test_a_face_without_its_norm_is_left_out_of_that_norm_and_told(log):
    samples = [face('wflw98', 'a.jpg', 2.0), without_eye('b.jpg', 30.0), face('wflw98', 'c.jpg', 4.0)]
    metrics = evaluate(samples, norm=['inter_ocular', 'diagonal'], without_norm='leave_out')
    assert metrics['NME'] == pytest.approx(3) and metrics['FR'] == 0
    assert metrics['diagonal/NME'] == pytest.approx(100 * 12 / np.hypot(400, 100))  # the box of all three
    assert 'NME/blur' not in metrics and 'diagonal/NME/blur' in metrics
    told = [message for message in log if 'left out' in message]
    assert told == ['FaceAlignmentMetric: 1 of 3 images are left out of NME, as they have no inter_ocular distance']


def test_if_no_face_has_its_norm_it_is_an_error():
    with pytest.raises(ValueError, match=r'none of 2 images has a inter_ocular distance, expected .*\(60, 72\)'):
        evaluate([without_eye('a.jpg', 1.0), without_eye('b.jpg', 2.0)], without_norm='leave_out')


def test_a_face_that_is_left_out_has_an_empty_field_in_the_table(tmp_path):
    evaluate(
        [face('wflw98', 'a.jpg', 2.0), without_eye('b.jpg', 30.0)], without_norm='leave_out', out_dir=str(tmp_path)
    )
    with open(tmp_path / 'per_image_errors.csv', newline='') as file:
        first, second = (row['nme_percent'] for row in csv.DictReader(file))
    assert float(first) == pytest.approx(2) and second == ''
    read_errors = runpy.run_path(str(PLOT_CED))['read_errors']
    assert read_errors(str(tmp_path / 'per_image_errors.csv')) == pytest.approx([0.02])


def test_the_error_says_that_faces_can_be_left_out():
    with pytest.raises(ValueError, match="b.jpg.*without_norm='leave_out' such faces are counted and left out"):
        evaluate([face('wflw98', 'a.jpg'), without_eye('b.jpg', 1.0)])
    with pytest.raises(ValueError, match="without_norm 'skip', expected one of"):
        FaceAlignmentMetric('wflw98', without_norm='skip')


def annotated(sample):
    """As a dataset has it."""
    return dict(sample, **sample['gt_instances'])


def test_faces_are_checked_before_a_run(log):
    faces = [annotated(face('wflw98', f'{n}.jpg')) for n in range(1500)]
    metric = FaceAlignmentMetric('wflw98')
    metric.check_faces(faces, 'test.json')
    assert not log
    faces[1200] = annotated(dict(without_eye('bad.jpg', 0.0), id=77))
    with pytest.raises(
        ValueError,
        match=r'test.json: 1 of 1500 faces cannot be measured by inter_ocular, which needs '
        r'landmarks \(60, 72\).*annotations 77 \(bad.jpg\);.*leave_out',
    ):
        metric.check_faces(faces, 'test.json')
    FaceAlignmentMetric('wflw98', without_norm='leave_out').check_faces(faces, 'test.json')
    assert len(log) == 1 and '1 of 1500' in log[0] and 'left out' in log[0]
    with pytest.raises(ValueError, match='1 of 1 face .*nothing is left'):
        FaceAlignmentMetric('wflw98', without_norm='leave_out').check_faces(faces[1200:1201], 'test.json')
    with pytest.raises(ValueError, match="test.json: found 98 landmarks, expected 68 of layout '300w68' of the metric"):
        FaceAlignmentMetric('300w68').check_faces(faces, 'test.json')


@pytest.mark.parametrize('annotation', [dict(box_size='100'), dict(scale=[1, 1]), dict(scale=True)])
def test_a_box_side_that_is_no_number_is_an_error(annotation):
    with pytest.raises(ValueError, match='^face.jpg: field "(box_size|scale)" of .* is .*, expected a number'):
        evaluate([face('wflw98', annotation=annotation)], norm='box_side')


# --- files -----------------------------------------------------------------------------------------------------------


def test_files(tmp_path):
    samples = [
        face('wflw98', 'a.jpg', 2, dict(attributes=dict(large_pose=1, blur=0))),
        face('wflw98', 'b, c.jpg', 12, dict(attributes=dict(large_pose=0, blur=0))),
    ]
    metrics = evaluate(samples, out_dir=tmp_path / 'new' / 'folder')
    out = tmp_path / 'new' / 'folder'
    with open(out / 'per_image_errors.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ['id', 'img_path', 'nme_percent', 'large_pose', 'blur']
    assert [(row['id'], row['img_path'], row['large_pose'], row['blur']) for row in rows] == [
        ('7', 'a.jpg', '1', '0'),
        ('7', 'b, c.jpg', '0', '0'),
    ]
    np.testing.assert_allclose([float(row['nme_percent']) for row in rows], [2, 12])
    assert metrics['NME'] == pytest.approx(7)
    assert (out / 'ced.png').read_bytes()[:4] == b'\x89PNG'


def test_the_table_has_a_column_for_each_norm(tmp_path):
    crop = dict(input_center=np.array([50.0, 50.0]), input_scale=np.array([80.0, 80.0]), input_size=(40, 40))
    samples = random_faces('300w68', 2, **crop)
    metrics = evaluate(samples, '300w68', norm=['inter_ocular', 'inter_pupil'], clamped=True, out_dir=tmp_path)
    with open(tmp_path / 'per_image_errors.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    columns = {
        'nme_percent': 'NME',
        'nme_clamped_percent': 'NME_clamped',
        'inter_pupil/nme_percent': 'inter_pupil/NME',
        'inter_pupil/nme_clamped_percent': 'inter_pupil/NME_clamped',
    }
    assert list(rows[0]) == ['id', 'img_path', *columns, 'common']
    for column, metric in columns.items():
        assert np.mean([float(row[column]) for row in rows]) == pytest.approx(metrics[metric])


def test_nothing_is_written_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluate([face('wflw98', error=2)])
    assert not list(tmp_path.iterdir())


def test_drawn_curve_is_the_exact_one():
    figure = draw_ced(dict(mine=np.array([0.02, 0.04])), threshold=0.1)
    (line,) = figure.axes[0].lines
    np.testing.assert_allclose(line.get_xydata(), [[0, 0], [0.02, 0.5], [0.04, 1], [0.1, 1]])
    assert line.get_drawstyle() == 'steps-post'
    assert line.get_label() == 'mine: NME 3.00 %, FR 0.00 %, AUC 0.700'


def run_plot_ced(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['plot_ced.py', *map(str, arguments)])
    return runpy.run_path(str(PLOT_CED), run_name='__main__')


def test_plot_ced_compares_saved_errors(tmp_path, monkeypatch):
    samples = [face('wflw98', error=e, annotation=dict(attributes=dict(blur=e > 5))) for e in (2, 6, 8)]
    for name in ('one', 'two'):
        evaluate(samples, out_dir=tmp_path / name)
    tables = [tmp_path / name / 'per_image_errors.csv' for name in ('one', 'two')]
    picture = tmp_path / 'both.png'
    scope = run_plot_ced(monkeypatch, *tables, '--legend', 'A', 'B', '--subset', 'blur', '--out', picture)
    assert picture.read_bytes()[:4] == b'\x89PNG'
    np.testing.assert_allclose(scope['read_errors'](tables[0], 'blur'), [0.06, 0.08])
    np.testing.assert_allclose(scope['read_errors'](tables[0]), [0.02, 0.06, 0.08])


def test_plot_ced_names_file_and_missing_column(tmp_path, monkeypatch):
    evaluate([face('wflw98', error=2)], out_dir=tmp_path)
    with pytest.raises(ValueError, match=r"per_image_errors.csv: no column 'pose', found \['id', "):
        run_plot_ced(monkeypatch, tmp_path / 'per_image_errors.csv', '--subset', 'pose')
