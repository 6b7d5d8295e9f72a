"""Landmarks of faces that are turned in any way, of several images at once, from several threads and processes."""

import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data

from mmfld.apis import FaceLandmarkInferencer
from mmfld.runtime import FaceLandmarker
from mmfld.runtime.crops import turn
from mmfld.runtime.detection import BoxCalibration
from mmfld.runtime.tables import to_dict

from .fakes import FakeDetector, FakeFace, FakeModel, RememberingModel, picture

PHOTO = get_sample_data('grace_hopper.jpg', asfileobj=False)  # one face, eye corners 130 pixels apart
# read off the photograph: centres of the eyes, tip of the nose, corners of the mouth, chin
SPOTS = {
    (36, 37, 38, 39, 40, 41): (222, 190),
    (42, 43, 44, 45, 46, 47): (302, 187),
    (33,): (267, 252),
    (48,): (235, 280),
    (54,): (304, 278),
    (8,): (271, 331),
}


@pytest.fixture
def fake_model():
    return FakeModel()


def check(found, *faces, tolerance=1.5):
    assert len(found) == len(faces)
    for one, face in zip(found, faces):
        np.testing.assert_allclose(one.landmarks, face.landmarks, atol=tolerance)
        assert (one.angle - face.place[3] + 180) % 360 - 180 == pytest.approx(0, abs=3)


@pytest.mark.parametrize('angle', [0, 20, 45, 80, 90, 135, 180, 225, 270, -30])
def test_a_face_with_a_box_may_be_turned_by_any_angle(fake_model, angle):
    face = FakeFace(100, 80, angle=angle)
    found = FaceLandmarker(fake_model, 'whole_image')(picture(face), [face.box])
    # a crop may stay turned by 10 degrees; some points are then off by 1 of its pixels in x and in y, 1.6 of the image
    check(found, face, tolerance=2.0)
    assert found[0].score == 1 and found[0].scores.mean() == pytest.approx(0.6)


def test_an_upright_face_with_a_box_goes_through_the_network_once(fake_model):
    face = FakeFace(100, 80)
    FaceLandmarker(fake_model, 'whole_image')(picture(face), [face.box])
    assert fake_model.batches == [1]


def test_detected_faces_are_looked_at_again(fake_model):
    faces = FakeFace(50, 60, 50), FakeFace(140, 90, 60, 180)
    found = FaceLandmarker(fake_model, FakeDetector(*faces))(picture(*faces))
    check(found, *faces)
    # both; three turns of the one that is not upright; that as the detector frames it in the turned picture; both again
    assert fake_model.batches == [2, 3, 1, 2]
    assert [face.score for face in found] == [pytest.approx(0.9)] * 2


@pytest.mark.parametrize('angle', [90, 180, 270])
def test_the_detector_looks_again_at_a_face_that_is_not_upright(fake_model, angle):
    face = FakeFace(100, 80, 60, angle)
    other = FakeFace(30, 30, 40)
    shown = picture(face, other)
    turned = {turns: np.rot90(shown, turns) for turns in range(4)}

    def frames_upright_faces(image):
        (turns,) = (turns for turns, one in turned.items() if one.shape == image.shape and (one == image).all())
        if turns == 0:
            return np.array([[*face.box + [20, 15, 20, 15], 0.9], [*other.box, 0.8]])
        assert turns == angle / 90
        # where the corner of the first pixel and the face come to lie
        x, y = {90: (80, 199 - 100), 180: (199 - 100, 159 - 80), 270: (159 - 80, 100)}[angle]
        return np.array([[*FakeFace(x, y, 60).box, 0.95]])

    landmarker = FaceLandmarker(fake_model, frames_upright_faces, orientation='auto')
    fitted = []
    model = landmarker.fit
    landmarker.fit = lambda images, crops: fitted.append(crops) or model(images, crops)
    check(landmarker(shown), face, other)
    assert [len(crops.image) for crops in fitted] == [2, 3, 1, 2]
    middle = (fitted[2].box[:, :2] + fitted[2].box[:, 2:]) / 2
    np.testing.assert_allclose(turn(middle, -float(angle)), [[100, 80]], atol=1)  # not where the first look said


def test_upright_tries_no_turns_and_turns_no_crop(fake_model):
    face = FakeFace(100, 80, angle=20)
    (found,) = FaceLandmarker(fake_model, 'whole_image', orientation='upright')(picture(face), [face.box], refine=3)
    assert fake_model.batches == [1, 1, 1, 1]
    assert np.abs(found.landmarks[:5] - face.landmarks[:5]).min() > 1  # what a turned crop would have mended


def test_an_angle_is_where_it_begins(fake_model):
    face = FakeFace(100, 80, angle=180)
    found = FaceLandmarker(fake_model, 'whole_image', orientation=175.0)(picture(face), [face.box])
    check(found, face)
    assert 3 not in fake_model.batches and len(fake_model.batches) == 1


def test_without_a_sure_score_all_turns_are_tried(fake_model):
    fake_model.sure = None
    face = FakeFace(100, 80)
    check(FaceLandmarker(fake_model, 'whole_image')(picture(face), [face.box]), face)
    assert fake_model.batches == [1, 3]


def test_a_crop_far_from_its_landmarks_is_taken_again(fake_model):
    face = FakeFace(100, 80)
    rough = face.box + [15, 12, 15, 12]
    check(FaceLandmarker(fake_model, 'whole_image')(picture(face), [rough]), face, tolerance=1)
    assert fake_model.batches == [1, 1]


def test_several_images_go_through_the_network_together(fake_model):
    faces = FakeFace(60, 60), FakeFace(120, 80)
    landmarker = FaceLandmarker(fake_model, 'whole_image', batch_size=2)
    images = [picture(faces[0]), picture(), picture(*faces)]
    found = landmarker.batch(images, [[faces[0].box], [], [face.box for face in faces]])
    assert [len(of_image) for of_image in found] == [1, 0, 2]
    check(found[0] + found[2], faces[0], *faces)
    assert fake_model.batches == [2, 1]


@pytest.mark.parametrize(
    'angle, covariance',
    [(0, [[4, 0], [0, 1]]), (90, [[1, 0], [0, 4]]), (180, [[4, 0], [0, 1]]), (45, [[2.5, 1.5], [1.5, 2.5]])],
)
def test_covariances_turn_and_grow_with_the_crop(angle, covariance):
    face = FakeFace(100, 80, angle=angle)
    (found,) = FaceLandmarker(RememberingModel(), 'whole_image', batch_size=1)(picture(face), [face.box], refine=2)
    pixel = 1.2 * 60 / 64  # of the crop: its side is the box of an upright face, padded
    np.testing.assert_allclose(
        found.covariances, np.tile(np.multiply(covariance, pixel**2), (68, 1, 1)), rtol=0.05, atol=0.05
    )
    assert to_dict(found)['keypoint_covariances'] == found.covariances.tolist()


def test_a_model_without_distributions_has_no_covariances(fake_model):
    face = FakeFace(100, 80)
    (found,) = FaceLandmarker(fake_model, 'whole_image')(picture(face), [face.box])
    assert found.covariances is None and 'keypoint_covariances' not in to_dict(found)
    assert FaceLandmarker(RememberingModel(), FakeDetector())(picture()) == []


def test_an_image_without_a_face(fake_model):
    assert FaceLandmarker(fake_model, FakeDetector())(picture()) == []


def test_proposals_with_low_scores_are_no_faces(fake_model):
    face = FakeFace(60, 60)
    landmarker = FaceLandmarker(fake_model, FakeDetector(face, FakeFace(150, 100)), min_score=0.3)
    check(landmarker(picture(face)), face)
    fake_model.min_score = 0.3  # what the model says
    check(FaceLandmarker(fake_model, FakeDetector(face, FakeFace(150, 100)))(picture(face)), face)
    assert len(FaceLandmarker(fake_model, FakeDetector(face, FakeFace(150, 100)), min_score=0.0)(picture(face))) == 2
    # a box that was given is answered
    assert len(landmarker(picture(face), [face.box, FakeFace(150, 100).box])) == 2


def test_a_calibration_turns_with_the_face(fake_model):
    """A detector that frames faces half their height too high, as the face sees it."""

    class Detector(FakeDetector):
        calibration = BoxCalibration((0.0, 0.5))

        def raw(self, image):
            (face,) = self.faces
            side = face.box[3] - face.box[1]
            return self(image) + np.array([0, side / 2, 0, side / 2, 0])  # upside down: lower in the image

    face = FakeFace(100, 60, angle=180)
    check(FaceLandmarker(fake_model, Detector(face))(picture(face)), face)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(orientation='left'), "orientation: found 'left'"),
        (dict(orientation=[90]), r'orientation: found \[90\]'),
        (dict(orientation=None), 'orientation: found None'),
        (dict(min_score=float('nan')), 'min_score=nan'),
        (dict(batch_size=2.5), 'batch_size=2.5'),
        (dict(orientation=float('nan')), 'orientation: found nan'),
        (dict(batch_size=0), 'batch_size=0'),
        (dict(detector='none'), "unknown detector 'none'"),
        (dict(orientation=True), 'orientation: found True'),
        (dict(min_score='a'), "min_score='a', expected a number"),
        (dict(min_score=True), 'min_score=True'),
        (dict(batch_size=True), 'batch_size=True'),
        (dict(batch_size='a'), "batch_size='a', expected a whole number of at least 1"),
        (dict(threads=0), 'threads=0, expected a whole number of at least 1'),
        (dict(threads='a'), "threads='a'"),
        (dict(backend=3), 'unknown backend 3'),
        (dict(precision=3), 'unknown precision 3'),
        (dict(detector=3), 'unknown detector 3'),
        (dict(detector=[1]), r'unknown detector \[1\]'),
        (dict(detector=FakeDetector), 'found the class FakeDetector as detector, expected an object of it'),
        (dict(detector_weights='a.pth'), "detector_weights: detector 'whole_image' takes no weights, found 'a.pth'"),
        (dict(model=3), 'model=3, expected a path'),
        (dict(model=''), "model='', expected a path"),
        (dict(model='http://host/a.onnx'), 'model: found the URL http://host/a.onnx, expected a file'),
        (dict(model=Path('.')), 'model .: found a folder, expected a file'),
    ],
)
def test_wrong_arguments_are_named(fake_model, options, message):
    with pytest.raises(ValueError, match=message):
        FaceLandmarker(**dict(model=fake_model, detector='whole_image') | options)


@pytest.mark.parametrize(
    'box, message',
    [
        *(
            (box, 'expected x1, y1, x2, y2 with x1 < x2 and y1 < y2')
            for box in ([5.0, 5.0, 5.0, 9.0], [9.0, 5.0, 5.0, 9.0], [0.0, 0.0, float('nan'), 4.0])
        ),
        ([300.0, 20.0, 340.0, 60.0], 'lies outside of the image, whose size is 200 x 160'),
        ([0.1, 0.1, 0.5, 0.5], 'expected pixels, not parts of the image'),
    ],
    ids=str,
)
def test_boxes_that_are_none_are_named(fake_model, box, message):
    with pytest.raises(ValueError, match=message):
        FaceLandmarker(fake_model, 'whole_image')(picture(), [box])


@pytest.mark.parametrize('none', [None, [], np.zeros((0, 4))], ids=str)
def test_a_detector_may_say_in_any_way_that_it_finds_nothing(fake_model, none):
    assert FaceLandmarker(fake_model, lambda image: none)(picture()) == []


def test_a_detector_without_scores_is_told(fake_model):
    with pytest.raises(ValueError, match=r'the detector returns .*expected'):
        FaceLandmarker(fake_model, lambda image: [[10.0, 20.0, 60.0, 70.0]])(picture())


# The model that comes with the package


@pytest.fixture(scope='module')
def landmarker():
    return FaceLandmarker(threads=1)


@pytest.fixture(scope='module')
def images():
    return [cv2.resize(picture(FakeFace(100, 80)), None, fx=1 + n / 4, fy=1 + n / 4) for n in range(8)]


BOXES = [[40.0, 30.0, 150.0, 140.0]]


def landmarks(landmarker, image):
    return np.concatenate([face.landmarks for face in landmarker(image, BOXES)])


def test_threads_get_what_one_gets(landmarker, images):
    expected = [landmarks(landmarker, image) for image in images]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(2):
            found = list(pool.map(lambda image: landmarks(landmarker, image), images))
            np.testing.assert_array_equal(np.stack(found), np.stack(expected))


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_processes_get_what_one_gets(landmarker, images, method):
    expected = landmarks(landmarker, images[0])
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        np.testing.assert_array_equal(pool.submit(landmarks, landmarker, images[0]).result(), expected)


def test_a_pickle_is_the_same(landmarker, images):
    copy = pickle.loads(pickle.dumps(landmarker))
    np.testing.assert_array_equal(landmarks(copy, images[0]), landmarks(landmarker, images[0]))


def test_it_needs_neither_torch_nor_openmmlab_and_imports_at_once():
    program = (
        'import sys, importlib.machinery as m\n'
        'for name in ("torch", "mmengine", "mmcv", "mmdet", "mmpose", "scipy", "matplotlib", "PIL"):\n'
        '    sys.modules[name] = None\n'
        'import importlib.util; real = importlib.util.find_spec\n'
        'importlib.util.find_spec = lambda name, *a: None if name == "mmpose" else real(name, *a)\n'
        'from mmfld.runtime import FaceLandmarker, FaceTracker\n'
        'import numpy as np\n'
        'print(len(FaceLandmarker(threads=1)(np.zeros((100, 100, 3), np.uint8), [[20, 20, 80, 80]])))\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2]
    )
    assert (done.returncode, done.stdout) == (0, '1\n'), done.stderr


@pytest.mark.parametrize('angle', [0, 45, 90, 180, 290])
def test_a_photograph_any_way_up(landmarker, angle):
    """Detected as well; on the spots that are read off the photograph."""
    image = cv2.imread(PHOTO)
    height, width = image.shape[:2]
    side = int(np.hypot(height, width)) + 1
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -angle, 1)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    (found,) = landmarker(cv2.warpAffine(image, matrix, (side, side)))
    assert (found.angle - angle + 180) % 360 - 180 == pytest.approx(0, abs=5)
    for indices, spot in SPOTS.items():
        spot = matrix[:, :2] @ spot + matrix[:, 2]
        np.testing.assert_allclose(found.landmarks[list(indices)].mean(0), spot, atol=8, err_msg=str(indices))


@pytest.mark.parametrize('orientation, quarter', [('upright', 0), ('auto', 0), ('auto', 1), (180.0, 2)])
def test_it_answers_what_the_inferencer_answers(landmarker, orientation, quarter):
    image = np.ascontiguousarray(np.rot90(cv2.imread(PHOTO), -quarter))  # clockwise
    inferencer = FaceLandmarkInferencer(device='cpu', orientation=orientation)
    (expected,) = next(inferencer(image, draw_bbox=True))['predictions'][0]
    (found,) = FaceLandmarker(landmarker.model, orientation=orientation, threads=1)(image)
    np.testing.assert_allclose(found.landmarks, expected['keypoints'], atol=0.1)
    np.testing.assert_allclose(found.scores, expected['keypoint_scores'], atol=5e-3)
    assert found.score == pytest.approx(expected['bbox_score'], abs=1e-6)
    assert (found.angle - 90 * quarter + 180) % 360 - 180 == pytest.approx(0, abs=5)
    # the box of the last crop holds the landmarks of the one before, turned or not
    low, high = found.landmarks.min(0), found.landmarks.max(0)
    np.testing.assert_allclose(expected['bbox'][0], [*low, *high], atol=30)
    width, height = image.shape[1::-1]
    for points, spot in SPOTS.items():
        spot = [spot, (width - 1 - spot[1], spot[0]), (width - 1 - spot[0], height - 1 - spot[1])][quarter]
        np.testing.assert_allclose(found.landmarks[list(points)].mean(0), spot, atol=8)


class UprightDetector(FakeDetector):
    """Sees a face only where the eyes are above the mouth and side by side, and frames it from the picture."""

    def __call__(self, image):
        self.asked += 1
        found = FakeModel().predict(cv2.resize(image, None, fx=2, fy=2))
        if found[1].mean() < 0.5:
            return np.zeros((0, 5))
        low, high = found[0].min(0) / 2 - 0.25, found[0].max(0) / 2 - 0.25
        return np.array([[*low, *high, 0.8]])


@pytest.mark.parametrize('orientation', ['auto', 90.0, 180.0, -90.0])
def test_a_face_that_the_detector_sees_only_in_a_turned_picture(fake_model, orientation):
    angle = 180 if orientation == 'auto' else orientation
    face, detector = FakeFace(80, 90, angle=angle), UprightDetector()
    check(FaceLandmarker(fake_model, detector, orientation=orientation)(picture(face)), face)
    assert detector.asked == (4 if orientation == 'auto' else 1)
    assert fake_model.batches[0] == 1 and 3 not in fake_model.batches  # the turn is known


@pytest.mark.parametrize('orientation', ['auto', 'mixed'])
def test_faces_of_one_picture_that_are_turned_differently(fake_model, orientation):
    upright, upside_down = FakeFace(40, 40, 50), FakeFace(140, 100, 50, 180)
    shown = picture(upright, upside_down)
    looks = []

    def sees_upright_faces(image):
        looks.append(image)
        if image.shape == shown.shape and (image == shown).all():
            return np.array([[*upright.box, 0.9]])
        if image.shape == shown.shape:  # turned by half; the other face is seen a second time, and less well
            places = (199 - 140, 159 - 100, 0.8), (199 - 40, 159 - 40, 0.6)
            return np.array([[*FakeFace(x, y, 50).box, score] for x, y, score in places])
        return np.zeros((0, 5))

    found = FaceLandmarker(fake_model, sees_upright_faces, orientation=orientation)(shown)
    check(found, *([upright, upside_down] if orientation == 'mixed' else [upright]))
    assert len(looks) == (4 if orientation == 'mixed' else 1)


def test_it_is_closed_by_with_and_opens_anew():
    image = cv2.imread(PHOTO)
    with FaceLandmarker(threads=1) as landmarker:
        (face,) = landmarker(image)
    (again,) = landmarker(image)
    np.testing.assert_array_equal(face.landmarks, again.landmarks)


def test_faces_that_the_detector_misses_in_a_picture_that_is_not_upright(fake_model):
    """It sees one of two faces that are upside down, and both when it looks again."""
    one, other = FakeFace(50, 50, 50, 180), FakeFace(140, 100, 50, 180)
    shown = picture(one, other)

    def sees_upright_faces(image):
        if image.shape == shown.shape and (image == shown).all():
            return np.array([[*one.box, 0.6]])
        return np.array([[*FakeFace(199 - 140, 159 - 100, 50).box, 0.9], [*FakeFace(199 - 50, 159 - 50, 50).box, 0.8]])

    landmarker = FaceLandmarker(fake_model, sees_upright_faces)
    check(landmarker(shown), other, one)
    assert [face.score for face in landmarker(shown)] == [0.9, 0.6]
    check(landmarker.batch([picture(FakeFace(50, 50, 50, 180)), shown])[1], other, one)


@pytest.mark.parametrize(
    'arguments, error, message',
    [
        (dict(images=np.zeros((9, 9, 3), np.uint8)), TypeError, 'images: found ndarray, expected a list'),
        (dict(images='photo.jpg'), TypeError, 'images: found str, expected a list'),
        (dict(images=[picture()] * 2, boxes=[[]]), ValueError, 'boxes: found those of 1 image, expected 2'),
        (dict(images=[picture()], refine=-1), ValueError, 'refine=-1'),
        (dict(images=[picture()], refine=1.5), ValueError, 'refine=1.5'),
        (dict(images=[picture().astype(np.uint16) + 200]), ValueError, '16-bit values up to 200'),
    ],
)
def test_wrong_batches_are_named(fake_model, arguments, error, message):
    with pytest.raises(error, match=message):
        FaceLandmarker(fake_model, 'whole_image').batch(**arguments)


def test_a_backend_is_that_of_both_networks():
    landmarker = FaceLandmarker(backend='openvino', precision='bfloat16', threads=1)
    networks = landmarker.model.network, landmarker.detector.network
    assert [(network.backend, network.precision) for network in networks] == [('openvino', 'bfloat16')] * 2
    full = FaceLandmarker(threads=1)
    (expected,), (face,) = full(PHOTO), landmarker(PHOTO)
    apart = np.linalg.norm(face.landmarks - expected.landmarks, axis=1)
    assert apart.mean() < 2 and apart.max() < 8  # the detector's box, and so the crop, is up to 2 pixels off
    (expected,), (face,) = full(PHOTO, [expected.box]), landmarker(PHOTO, [expected.box])
    apart = np.linalg.norm(face.landmarks - expected.landmarks, axis=1)
    assert apart.mean() < 0.2 and apart.max() < 1


def test_the_whole_image_is_a_face_if_that_is_said(fake_model):
    fake_model.min_score = 0.3
    (found,) = FaceLandmarker(fake_model, 'whole_image')(picture())
    assert found.scores.mean() < 0.3
    assert FaceLandmarker(fake_model, 'whole_image', min_score=0.3)(picture()) == []
