"""Clips of synthetic faces: what they depend on, motion, exact landmarks, bursts."""

import numpy as np
import pytest

from mmfld.structures import layout_names
from mmfld.synthetic import STILL, Expression, Motion, SyntheticClipGenerator, SyntheticFaceGenerator
from mmfld.synthetic.clip import SCENE_FLAGS

EYES = range(36, 48)  # of 300w68: blinks are fast


def landmarks(clip, layout: str = '300w68') -> np.ndarray:
    """(T, K, 2)"""
    return np.stack([face.keypoints[layout] for face in clip]).astype(float)


def marks(clip) -> list:
    return [face.attributes['burst'] for face in clip]


def difference(first, second) -> float:
    return np.abs(first.image.astype(float) - second.image).mean()


def test_a_clip_depends_on_seed_and_index_alone():
    first, second = (SyntheticClipGenerator(3, image_size=64, num_frames=12) for _ in range(2))
    second[1]
    for one, other in zip(first[0], second[0]):
        assert np.array_equal(one.image, other.image) and one.attributes == other.attributes
        assert all(np.array_equal(one.keypoints[layout], other.keypoints[layout]) for layout in layout_names())


def test_other_seeds_and_indices_give_other_clips():
    clip = landmarks(SyntheticClipGenerator(0, num_frames=2)[1])
    for other in (SyntheticClipGenerator(0, num_frames=2)[2], SyntheticClipGenerator(1, num_frames=2)[1]):
        assert np.abs(clip - landmarks(other)).max() > 1


def test_shapes_and_types():
    clip = SyntheticClipGenerator(0, image_size=96, num_frames=5)[0]
    assert len(clip) == 5
    for face in clip:
        assert face.image.shape == (96, 96, 3) and face.image.dtype == np.uint8
        assert face.keypoints['wflw98'].shape == (98, 2) and face.keypoints['wflw98'].dtype == np.float32
        assert face.annotations is face.keypoints and list(face.attributes) == ['burst']


@pytest.mark.parametrize('index', range(8))
def test_motion_is_smooth(index):
    points = landmarks(SyntheticClipGenerator(5, image_size=64, num_frames=40)[index])
    size = np.ptp(points, axis=1).max()
    step, bend = (np.linalg.norm(np.diff(points, order, axis=0), axis=-1) / size for order in (1, 2))
    assert 0.002 < step.mean() < 0.02 and step.max() < 0.055
    assert bend.max() < 0.05
    assert np.delete(bend, EYES, axis=1).max() < 0.016


def test_contour_moves_smoothly_as_a_turned_face_nods():
    # the chin, where an outline seen from slightly above passes to one seen from slightly below
    generator = SyntheticClipGenerator(
        0, image_size=64, num_frames=60, burst_share=0.0, motion=Motion(0.0, 0.0, 0.0, 12.0, 0.0, 0.0, 0.0)
    )
    points = landmarks(generator[2])
    assert np.linalg.norm(np.diff(points, 2, axis=0), axis=-1).max() < 0.005 * np.ptp(points, axis=1).max()


def test_the_mouth_opens_and_the_eyes_blink():
    points = landmarks(
        SyntheticClipGenerator(
            0, image_size=64, num_frames=100, motion=Motion(0.0, 0.0, 0.0, 0.0, 0.0), burst_share=0.0
        )[2]
    )
    face = np.ptp(points, axis=1).max()
    mouth, eye = (np.linalg.norm(points[:, a] - points[:, b], axis=1) / face for a, b in ((62, 66), (37, 41)))
    assert np.ptp(mouth) > 0.04
    assert eye.min() < 0.2 * np.median(eye)
    assert np.ptp(points[:, 30], axis=0).max() < 0.05  # the tip of the nose stays


def test_a_large_motion_leaves_no_landmark_outside():
    generator = SyntheticClipGenerator(0, image_size=64, num_frames=30, motion=Motion(shift=3.0), burst_share=0.0)
    for index in range(3):
        points = landmarks(generator[index], 'wflw98')
        assert points.min() > 1.27 and points.max() < 61.73


def test_a_still_clip_shows_the_face_of_the_face_generator():
    clip = SyntheticClipGenerator(4, image_size=96, num_frames=4, motion=STILL, burst_share=0.0)[7]
    face = SyntheticFaceGenerator(4, image_size=96, flags=SCENE_FLAGS)[7]
    for layout in layout_names():
        for frame in clip:
            assert np.array_equal(frame.keypoints[layout], clip[0].keypoints[layout])
        np.testing.assert_allclose(clip[0].keypoints[layout], face.keypoints[layout], atol=1e-3)
    assert difference(clip[0], face) < 8  # the noise


def test_a_still_clip_has_new_noise_in_each_frame():
    clip = SyntheticClipGenerator(4, image_size=96, num_frames=4, motion=STILL, burst_share=0.0)[1]
    images = np.stack([frame.image for frame in clip]).astype(float)
    noise = images - images.mean(axis=0)
    assert 0.3 < noise.std() < 10
    neighbours = np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]
    assert abs(neighbours + 1 / 3) < 0.05  # independent, but for the common mean of four


def test_exact_landmarks_are_those_of_shape_and_camera():
    """The landmarks of a frame follow the camera: a pure shift moves all by the same."""
    generator = SyntheticClipGenerator(
        1, image_size=96, num_frames=6, burst_share=0.0, motion=Motion(0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    )
    scene = generator.faces.scene(0)
    poses = generator.motion.sample(scene.camera, scene.shape.expression, 6, generator.faces.stream(0, 'motion'))
    for face, (camera, expression) in zip(generator[0], poses):
        assert expression == scene.shape.expression
        moved = np.subtract(camera.center, scene.camera.center)
        np.testing.assert_allclose(face.keypoints['wflw98'], scene.face.keypoints['wflw98'] + moved, atol=1e-3)


def test_motion_stays_within_its_amplitudes():
    motion, rng = Motion(), np.random.default_rng(0)
    camera = SyntheticFaceGenerator(0).scene(0).camera
    for _ in range(20):
        for moved, expression in motion.sample(camera, Expression(), 50, rng):
            assert np.abs(np.subtract(moved.center, camera.center)).max() <= motion.shift * camera.scale
            assert abs(np.log(moved.scale / camera.scale)) <= motion.zoom
            turned = np.rad2deg(
                np.subtract((moved.yaw, moved.pitch, moved.roll), (camera.yaw, camera.pitch, camera.roll))
            )
            assert (np.abs(turned) <= (motion.yaw, motion.pitch, motion.roll)).all()
            assert 0 <= expression.mouth_open <= 0.55 and expression.eye_closure <= 1


def test_bursts_are_consecutive_frames_and_marked():
    generator = SyntheticClipGenerator(0, image_size=64, num_frames=40)
    for index in range(3):
        bursts = generator.bursts(index)
        expected = [int(any(burst.start <= frame < burst.stop for burst in bursts)) for frame in range(40)]
        assert bursts and marks(generator[index]) == expected


def test_length_and_distance_of_bursts():
    generator = SyntheticClipGenerator(0, num_frames=200)
    disturbed = []
    for index in range(100):
        bursts = generator.bursts(index)
        assert all(3 <= burst.stop - burst.start <= 10 for burst in bursts)
        ends = [0, *(burst.stop for burst in bursts)]
        assert min(burst.start - end for burst, end in zip(bursts, ends)) >= 4
        disturbed.append(sum(burst.stop - burst.start for burst in bursts) / 200)
    assert abs(np.mean(disturbed) - 0.25) < 0.015


@pytest.mark.parametrize('kind', ('bar', 'thing', 'hand', 'blur', 'dark'))
def test_each_kind_of_burst_changes_its_frames_alone(kind):
    generator = SyntheticClipGenerator(0, image_size=64, num_frames=16)
    clean = SyntheticClipGenerator(0, image_size=64, num_frames=16, burst_share=0.0)
    index = next(n for n in range(100) if {burst.kind for burst in generator.bursts(n)} == {kind})
    for disturbed, plain in zip(generator[index], clean[index]):
        assert np.array_equal(disturbed.keypoints['wflw98'], plain.keypoints['wflw98'])
        if disturbed.attributes['burst']:
            assert difference(disturbed, plain) > 2
        else:
            assert np.array_equal(disturbed.image, plain.image)


def test_something_held_before_the_face_moves():
    generator = SyntheticClipGenerator(0, image_size=96, num_frames=40, motion=STILL)
    clean = SyntheticClipGenerator(0, image_size=96, num_frames=40, motion=STILL, burst_share=0.0)
    index, burst = next((n, burst) for n in range(100) for burst in generator.bursts(n) if burst.kind == 'thing')
    centres = []
    for disturbed, plain in list(zip(generator[index], clean[index]))[burst.start : burst.stop]:
        y, x = np.nonzero(np.abs(disturbed.image.astype(int) - plain.image).max(axis=2) > 30)
        centres.append((x.mean(), y.mean()))
    travelled = (burst.path[1] - burst.path[0]) * generator.faces.scene(index).camera.scale
    np.testing.assert_allclose(np.subtract(centres[-1], centres[0]), travelled, atol=2)


@pytest.mark.parametrize(
    'arguments', (dict(num_frames=0), dict(burst_share=-0.1), dict(burst_share=0.6), dict(seed=-1), dict(image_size=10))
)
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match='expected'):
        SyntheticClipGenerator(**arguments)
