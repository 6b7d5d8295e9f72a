"""Face detectors answer with landmark boxes."""
import json

import cv2
import numpy as np
import pytest
from mmfld.apis import BoxCalibration, MMDetFaceDetector, OpenCVFaceDetector, WholeImage, build_detector


def iou(a, b):
    sides = (np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2])).clip(min=0)
    areas = (a[2:4] - a[:2]).prod() + (b[2:4] - b[:2]).prod()
    return sides.prod() / (areas - sides.prod())


def test_calibration_shifts_and_scales_about_the_middle():
    boxes = BoxCalibration(shift=(0.1, -0.2), scale=(0.5, 2))(np.array([[10., 20., 30., 60.]]))
    # middle (20, 40) + (0.1 * 20, -0.2 * 40) = (22, 32); sides (10, 80)
    np.testing.assert_allclose(boxes, [[17, -8, 27, 72]])


def test_calibration_is_recovered_from_boxes():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 100, (50, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(20, 80, (50, 2))], axis=1)
    truth = BoxCalibration(shift=(-0.05, 0.15), scale=(0.85, 0.9))
    found = BoxCalibration.fit(boxes, truth(boxes))
    np.testing.assert_allclose([*found.shift, *found.scale], [*truth.shift, *truth.scale], atol=1e-12)


def test_whole_image_is_one_box():
    np.testing.assert_array_equal(WholeImage()(np.zeros((40, 60, 3), np.uint8)), [[0, 0, 60, 40, 1]])


@pytest.mark.parametrize('shape', [(200, 300), (1, 1), (700, 10)])
def test_opencv_finds_nothing_in_an_empty_image(shape):
    assert OpenCVFaceDetector()(np.full((*shape, 3), 128, np.uint8)).shape == (0, 5)


def test_opencv_averages_overlapping_proposals_and_adds_their_votes():
    proposals = np.array([[0, 0, 10, 10, 12.], [0, 0, 10, 11, 4], [50, 50, 60, 60, 7]])
    faces = OpenCVFaceDetector(min_votes=8)._vote(proposals, min_votes=7.5)
    np.testing.assert_allclose(faces, [[0, 0, 10, 10.25, 16 / 24]])


def test_opencv_finds_real_faces_with_calibrated_boxes(shared_dir):
    folder = shared_dir / 'data/300w/lfpw/testset'
    detector = OpenCVFaceDetector()
    ious = []
    for path in sorted(folder.glob('*.pts'))[:20]:
        points = np.loadtxt(path, skiprows=3, max_rows=68) - 1
        truth = np.concatenate([points.min(axis=0), points.max(axis=0)])
        boxes = detector(cv2.imread(str(next(folder.glob(f'{path.stem}.[jp][pn]g')))))
        ious.append(max((iou(truth, box) for box in boxes), default=0))
    ious = np.array(ious)
    assert (ious > 0.5).mean() >= 0.9
    assert ious[ious > 0.5].mean() > 0.75


def test_opencv_boxes_do_not_depend_on_the_image_size(shared_dir):
    annotation = json.loads((shared_dir / 'data/mmpose_samples/300w/test_300w.json').read_text())
    image = cv2.imread(str(shared_dir / 'data/mmpose_samples/300w' / annotation['images'][0]['file_name']))
    detector = OpenCVFaceDetector()
    small, large = detector(image), detector(cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    assert iou(small[0] * 2, large[0]) > 0.9


def test_mmdet_boxes_are_filtered_by_category_and_score_and_calibrated(monkeypatch):
    import mmdet.apis
    import torch
    from mmengine.structures import InstanceData

    class Inferencer:

        def __init__(self, model, weights, device, scope, show_progress):
            self.given = model, weights, device

        def __call__(self, image, return_datasamples):
            found = InstanceData(
                bboxes=torch.tensor([[0., 0, 10, 20], [1, 1, 11, 21], [50, 50, 60, 60], [70, 70, 80, 80]]),
                scores=torch.tensor([0.9, 0.8, 0.2, 0.7]), labels=torch.tensor([0, 0, 0, 3]))
            return dict(predictions=[type('Sample', (), dict(pred_instances=found))])

    monkeypatch.setattr(mmdet.apis, 'DetInferencer', Inferencer)
    detector = MMDetFaceDetector('detector.py', 'weights.pth', 'cpu', calibration=BoxCalibration((0, 0.1), (1, 0.5)))
    assert detector.inferencer.given == ('detector.py', 'weights.pth', 'cpu')
    np.testing.assert_allclose(detector(np.zeros((100, 100, 3), np.uint8)), [[0, 7, 10, 17, 0.9]], rtol=1e-6)


def test_mmdet_config_after_the_colon(monkeypatch):
    monkeypatch.setattr(MMDetFaceDetector, '__init__', lambda self, *args: setattr(self, 'given', args))
    assert build_detector('mmdet:a/config.py', 'weights.pth', 'cpu').given == ('a/config.py', 'weights.pth', 'cpu')
    assert build_detector('mmdet').given == (None, None, None)


def test_build_detector_passes_callables_and_names():
    def detector(image):
        raise AssertionError

    assert build_detector(detector) is detector
    assert isinstance(build_detector('whole_image'), WholeImage)
    assert isinstance(build_detector('opencv'), OpenCVFaceDetector)


def test_unknown_detector_is_named():
    with pytest.raises(ValueError, match="unknown detector 'retina'"):
        build_detector('retina')


def test_weights_for_a_detector_without_any():
    with pytest.raises(ValueError, match="'opencv' takes no weights"):
        build_detector('opencv', 'weights.pth')
