"""The synthetic faces: geometry, noise, flags, rendering, and the command that writes a set."""

import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfld.datasets import FaceLandmarkDataset
from mmfld.structures import face_layout, get_layout, layout_names
from mmfld.synthetic import FLAGS, Camera, Expression, FaceShape, Identity, SyntheticFaceGenerator, project_face
from mmfld.synthetic.painter import Unrolled
from mmfld.synthetic.renderer import wrap


def same(first, second) -> bool:
    return (
        np.array_equal(first.image, second.image)
        and first.attributes == second.attributes
        and all(np.array_equal(first.annotations[layout], second.annotations[layout]) for layout in layout_names())
    )


def sampled_shape(seed: int) -> FaceShape:
    rng = np.random.default_rng(seed)
    return FaceShape(Identity.sample(rng), Expression.sample(rng, exaggerated=False))


def test_a_face_depends_on_seed_and_index_alone():
    forwards, backwards = SyntheticFaceGenerator(3, boundary_noise=0.02), SyntheticFaceGenerator(3, boundary_noise=0.02)
    in_order = [forwards[index] for index in range(4)]
    for index in reversed(range(4)):
        assert same(backwards[index], in_order[index])


def test_other_seeds_and_indices_give_other_faces():
    face = SyntheticFaceGenerator(0)[1]
    for other in (SyntheticFaceGenerator(0)[2], SyntheticFaceGenerator(1)[1]):
        assert np.abs(face.keypoints['wflw98'] - other.keypoints['wflw98']).max() > 1


@pytest.mark.parametrize('size', (128, 256))
def test_shapes_types_and_face_size(size):
    generator = SyntheticFaceGenerator(0, image_size=size)
    for index in range(12):
        face = generator[index]
        assert face.image.shape == (size, size, 3) and face.image.dtype == np.uint8
        for layout in layout_names():
            points = face.keypoints[layout]
            assert points.shape == (get_layout(layout).num_keypoints, 2) and points.dtype == np.float32
            assert points.min() > 0.05 * size and points.max() < 0.95 * size
            assert np.array_equal(points, face.annotations[layout])
        side = np.ptp(face.keypoints['wflw98'], axis=0).max() / size
        assert 0.449 < side < 0.651


@pytest.mark.parametrize('layout', layout_names())
def test_a_symmetric_face_is_its_own_mirror_image(layout):
    face = project_face(FaceShape(Identity(), Expression()), Camera(scale=90, center=(127.5, 100)))
    flipped = face.keypoints[layout][list(get_layout(layout).flip_indices)] * [-1, 1] + [255, 0]
    np.testing.assert_allclose(flipped, face.keypoints[layout], atol=1e-3)


@pytest.mark.parametrize('yaw', (0.0, 0.4, -0.9))
def test_layouts_share_points(yaw):
    points = project_face(sampled_shape(5), Camera(yaw, 0.1, 0.2, scale=90)).keypoints
    wflw, ibug, cofw, aflw = (points[layout] for layout in ('wflw98', '300w68', 'cofw29', 'aflw19'))
    assert np.array_equal(ibug[:17], wflw[:33:2])  # contour
    assert np.array_equal(ibug[17:27], wflw[[*range(33, 38), *range(42, 47)]])  # brows
    assert np.array_equal(ibug[27:36], wflw[51:60])  # nose
    assert np.array_equal(ibug[[36, 39, 42, 45]], wflw[[60, 64, 68, 72]])  # corners of the eyes
    assert np.array_equal(ibug[48:], wflw[76:96])  # mouth
    shared = [n for n in range(29) if n not in (2, 3, 18, 19)]  # but inner ends of the brows and nose wings
    assert np.array_equal(
        cofw[shared],
        wflw[[33, 46, 35, 40, 44, 48, 60, 72, 64, 68, 62, 66, 70, 74, 96, 97, 54, 57, 76, 82, 79, 90, 94, 85, 16]],
    )
    assert np.array_equal(aflw[[0, 5, 6, 8, 9, 11, 13, 15, 17, 18]], wflw[[33, 46, 60, 64, 68, 72, 54, 76, 82, 16]])
    assert np.array_equal(aflw[[2, 3, 12, 14]], cofw[[2, 3, 18, 19]])


def test_order_of_landmarks_around_an_eye():
    # the numbering runs clockwise from the left end; y points down
    for layout, eyes in (('wflw98', (range(60, 68), range(68, 76))), ('300w68', (range(36, 42), range(42, 48)))):
        points = project_face(FaceShape(Identity(), Expression()), Camera(scale=90)).keypoints[layout]
        for eye in eyes:
            x, y = points[list(eye)].T
            assert (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() > 0 and x[0] == x.min()


def test_noise_moves_along_the_boundaries_only():
    noise = 0.03
    generator = SyntheticFaceGenerator(1, image_size=64, boundary_noise=noise, flags='none')
    clean = SyntheticFaceGenerator(1, image_size=64, flags='none')
    along = {layout: [] for layout in layout_names()}
    for index in range(40):
        face = generator[index]
        assert np.array_equal(face.image, clean[index].image)
        for layout in layout_names():
            points, tangents = face.keypoints[layout], face.tangents[layout]
            on_boundary = get_layout(layout).boundary_of_keypoint.any(axis=1)
            np.testing.assert_allclose(np.hypot(*tangents.T), on_boundary, atol=1e-5)
            first, second = points[list(get_layout(layout).eye_corners)]
            shift = (face.annotations[layout] - points) / np.hypot(*(second - first))
            across = shift[:, 0] * tangents[:, 1] - shift[:, 1] * tangents[:, 0]
            np.testing.assert_allclose(across, 0, atol=1e-5)
            assert np.array_equal(shift[~on_boundary], np.zeros((np.sum(~on_boundary), 2)))
            along[layout].append((shift * tangents).sum(axis=1)[on_boundary])
    for shifts in along.values():
        shifts = np.concatenate(shifts)
        # 4 standard errors of the estimate
        assert abs(shifts.std() / noise - 1) < 4 / np.sqrt(2 * len(shifts))
        assert abs(shifts.mean()) < 4 * noise / np.sqrt(len(shifts))


def test_tangents_are_those_of_the_curves():
    face = project_face(sampled_shape(2), Camera(scale=90))
    tangents = face.tangents['wflw98']
    assert np.abs(tangents[[51, 52, 53, 54], 1]).min() > 0.99  # the nose bridge runs down
    assert np.abs(tangents[16, 0]) > 0.99  # the chin runs across
    assert np.abs(tangents[[0, 32], 1]).min() > 0.95  # the temples run down
    assert not tangents[[96, 97]].any()  # pupils are on no curve


@pytest.mark.parametrize('yaw, pitch', ((0.0, 0.0), (0.4, 0.1), (-0.4, 0.0), (0.0, -0.4)))
def test_landmarks_sit_on_the_rendered_skin(yaw, pitch):
    """The picture of a texture that holds its own coordinates, read at the landmarks, gives their coordinates."""
    shape, size = sampled_shape(4), 256
    camera = Camera(yaw, pitch, 0.1, scale=95.0, center=(127.3, 110.6), distance=8.0)
    face, grid = project_face(shape, camera), Unrolled(shape, size)
    inner = [name for name in shape.curves if name != 'contour']
    expected = grid.from_frontal(np.concatenate([shape.curves[name] for name in inner]))
    pixels = np.concatenate([face.curves[name] for name in inner]).astype(np.float32)
    row, column = np.mgrid[: grid.height, : grid.width].astype(np.float32)
    surface = camera.to_camera(*shape.surface_grid(grid.theta, grid.y)[:3])
    picture, _ = wrap(np.dstack([column, row, column]), camera, surface, size)
    found = cv2.remap(picture, pixels[None, :, 0], pixels[None, :, 1], cv2.INTER_LINEAR)[0, :, :2]
    error = np.hypot(*(found - expected).T)  # in texels, about as large as pixels
    assert np.median(error) < 0.05
    assert np.mean(error < 0.25) > 0.85  # all but those that the nose or the cheek hides


def test_hidden_contour_moves_to_the_visible_outline():
    shape = FaceShape(Identity(), Expression())
    camera = Camera(yaw=0.8, scale=90, center=(110, 100))
    contour = project_face(shape, camera).curves['contour']
    grid = Unrolled(shape, 256)
    surface = camera.to_camera(*shape.surface_grid(grid.theta, grid.y)[:3])
    _, opacity = wrap(np.zeros((grid.height, grid.width, 3), np.uint8), camera, surface, 256)
    far = contour[68:104]  # from the chin to the nose, which sticks out, on the side turned away
    outside, inside = (
        cv2.remap(opacity, *(np.float32(far + [[shift, 0]]).T[:, None]), cv2.INTER_LINEAR) for shift in (1.5, -1.5)
    )
    assert outside.max() < 0.5 < inside.min()


@pytest.mark.parametrize('flag', FLAGS)
def test_each_flag_changes_the_picture(flag):
    plain, flagged = SyntheticFaceGenerator(0, flags='none'), SyntheticFaceGenerator(0, flags={flag: 1})
    for index in range(6):
        before, after = plain[index], flagged[index]
        assert sum(before.attributes.values()) == 0
        assert after.attributes == {name: int(name == flag) for name in FLAGS}
        assert np.abs(before.image.astype(float) - after.image).mean() > 0.2
        moved = not np.array_equal(before.keypoints['wflw98'], after.keypoints['wflw98'])
        assert moved == (flag in ('large_pose', 'expression'))


def test_large_poses_are_large():
    angles = []
    for flags in ('none', {'large_pose': 1}):
        generator = SyntheticFaceGenerator(0, image_size=64, flags=flags)
        noses = []
        for index in range(20):
            points = generator[index].keypoints['wflw98']
            along = points[72] - points[60]
            noses.append(abs((points[57] - points[60]) @ along / (along @ along) - 0.5))
        angles.append(np.median(noses))
    assert angles[0] < 0.1 < 0.2 < angles[1]


def test_heads_are_turned_as_asked_and_nothing_else_changes():
    usual, turned = SyntheticFaceGenerator(0, image_size=64), SyntheticFaceGenerator(0, image_size=64, yaw=(60, 80))
    yaws = np.rad2deg([turned.scene(index).camera.yaw for index in range(40)])
    assert (np.abs(yaws) >= 60).all() and (np.abs(yaws) <= 80).all() and 5 < (yaws > 0).sum() < 35
    for index in range(3):
        one, other = usual.scene(index), turned.scene(index)
        assert one.shape.expression == other.shape.expression and one.flags == other.flags
        assert (one.camera.pitch, one.camera.roll) == (other.camera.pitch, other.camera.roll)


@pytest.mark.parametrize(
    'arguments',
    (
        dict(flags='some'),
        dict(flags={'smile': 1}),
        dict(seed=-1),
        dict(boundary_noise=-0.1),
        dict(image_size=10),
        dict(yaw=(50, 40)),
        dict(yaw=(0, 100)),
    ),
)
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match='expected'):
        SyntheticFaceGenerator(**arguments)


@pytest.fixture
def tool():
    return importlib.import_module('make_synthetic_faces')


def make(tool, out: Path, *options: str) -> int:
    return tool.main([str(out), '--train', '6', '--test', '3', '--image-size', '96', '--workers', '1', *options])


def test_the_written_set_loads(tool, tmp_path):
    assert make(tool, tmp_path, '--seed', '4') == 0
    assert len(list((tmp_path / 'images').iterdir())) == 9
    generator = SyntheticFaceGenerator(4, image_size=96)
    for layout in layout_names():
        dataset = FaceLandmarkDataset(
            layout,
            ann_file=f'annotations/synthetic_{layout}_train.json',
            data_root=str(tmp_path),
            data_prefix=dict(img='images/'),
            pipeline=[],
        )
        assert len(dataset) == 6
        for index in range(6):
            sample, face = dataset[index], generator[index]
            np.testing.assert_allclose(sample['keypoints'][0], face.keypoints[layout], atol=1e-4)
            assert sample['raw_ann_info']['attributes'] == face.attributes
            assert 'keypoints_clean' not in sample['raw_ann_info']
        picture = cv2.imread(dataset[2]['img_path'])
        assert np.abs(picture.astype(float) - generator[2].image).mean() < 6  # JPEG


def test_the_written_heads_are_turned_as_asked(tool, tmp_path):
    assert make(tool, tmp_path, '--yaw', '60', '80') == 0
    faces = json.loads((tmp_path / 'annotations/synthetic_300w68_train.json').read_text())['annotations']
    expected = SyntheticFaceGenerator(0, image_size=96, yaw=(60, 80))
    for index, face in enumerate(faces):
        points = np.reshape(face['keypoints'], (68, 3))[:, :2]
        np.testing.assert_allclose(points, expected[index].keypoints['300w68'], atol=1e-4)
    assert json.loads((tmp_path / 'options.json').read_text())['yaw'] == [60, 80]


def test_training_and_test_faces_differ(tool, tmp_path):
    make(tool, tmp_path)
    parts = [
        json.loads((tmp_path / f'annotations/synthetic_wflw98_{part}.json').read_text())['annotations']
        for part in ('train', 'test')
    ]
    assert [len(part) for part in parts] == [6, 3]
    seen = {tuple(annotation['keypoints']) for part in parts for annotation in part}
    assert len(seen) == 9


def test_noisy_set_holds_the_exact_landmarks(tool, tmp_path):
    make(tool, tmp_path, '--boundary-noise', '0.05')
    face = SyntheticFaceGenerator(image_size=96, boundary_noise=0.05)[0]
    content = json.loads((tmp_path / 'annotations/synthetic_cofw29_train.json').read_text())
    annotation = content['annotations'][0]
    for key, points in (('keypoints', face.annotations), ('keypoints_clean', face.keypoints)):
        np.testing.assert_allclose(np.reshape(annotation[key], (-1, 3))[:, :2], points['cofw29'], atol=1e-5)
    low, high = face.annotations['cofw29'].min(axis=0), face.annotations['cofw29'].max(axis=0)
    np.testing.assert_allclose(annotation['bbox'], [*low, *(high - low)], atol=1e-5)


def test_a_complete_set_is_left_alone(tool, tmp_path, capsys):
    make(tool, tmp_path)
    image = tmp_path / 'images/train_000000.jpg'
    before = image.stat().st_mtime_ns
    assert make(tool, tmp_path) == 0
    assert 'already' in capsys.readouterr().out and image.stat().st_mtime_ns == before


def test_an_interrupted_set_is_completed(tool, tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(tool, 'to_coco', lambda members: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make(tool, tmp_path)
    assert make(tool, tmp_path) == 0
    assert len(list((tmp_path / 'annotations').iterdir())) == 8


def test_another_set_is_not_overwritten_unasked(tool, tmp_path, capsys):
    make(tool, tmp_path)
    with pytest.raises(SystemExit):
        make(tool, tmp_path, '--seed', '1')
    assert 'found a set with seed 0, not 1' in capsys.readouterr().err
    assert make(tool, tmp_path, '--seed', '1', '--train', '2', '--overwrite') == 0
    assert len(list((tmp_path / 'images').iterdir())) == 5


def test_foreign_images_are_not_touched(tool, tmp_path, capsys):
    (tmp_path / 'images').mkdir()
    with pytest.raises(SystemExit):
        make(tool, tmp_path)
    assert 'did not make' in capsys.readouterr().err


def test_a_layout_that_is_not_on_the_face_model_is_left_out_and_said(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(face_layout._SCHEMES, 'mine', get_layout(dict(name='mine', num_keypoints=5)))
    assert make(tool, tmp_path) == 0
    assert 'mine: left out, as its landmarks are not on the face model' in capsys.readouterr().out
    written = {path.name for path in (tmp_path / 'annotations').iterdir()}
    assert len(written) == 8 and not any('mine' in name for name in written)
