"""A checkpoint serves the landmarker of the runtime as its export does, and shows its maps."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from mmfld.apis import FaceLandmarkInferencer
from mmfld.apis.checkpoint_model import CheckpointModel
from mmfld.apis.onnx_export import made_up_crops
from mmfld.engine.rows import read_config
from mmfld.runtime import FaceLandmarker
from mmfld.structures import cells_to_pixels
from mmfld.synthetic import SyntheticFaceGenerator

MINI = {'model.backbone.width': 16, 'model.backbone.num_stacks': 1, 'model.backbone.num_levels': 2}
SMALL = {**MINI, 'codec.input_size': (128, 128), 'codec.heatmap_size': (32, 32)}
MARGINAL = {
    **MINI,
    'model.head.in_channels': 16,
    'model.head.length': 128,
    'model.head.channels': 8,
    'codec.length': 128,
    'codec.sigma': 4.0,
}


@pytest.fixture(scope='module')
def shipped():
    return CheckpointModel()


@pytest.fixture(scope='module')
def tilted():
    image = SyntheticFaceGenerator(seed=3, flags='none')[0].image
    return cv2.warpAffine(image, cv2.getRotationMatrix2D((128, 128), -50, 1), (256, 256))


def untrained(name, options, folder, **arguments):
    cfg = read_config(name, options)
    init_default_scope('mmpose')
    torch.manual_seed(0)
    path = folder / 'checkpoint.pth'
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), path)
    return CheckpointModel(cfg, path, **arguments)


def test_it_answers_as_the_export_and_as_the_inferencer_do(shipped, tilted):
    (face,) = FaceLandmarker(shipped)(tilted)
    (exported,) = FaceLandmarker(threads=1)(tilted)
    np.testing.assert_allclose(face.landmarks, exported.landmarks, atol=0.02)
    np.testing.assert_allclose(face.covariances, exported.covariances, rtol=0.01, atol=0.1)
    np.testing.assert_allclose(face.visible, exported.visible, atol=0.01)
    (inferred,) = next(FaceLandmarkInferencer()(tilted))['predictions'][0]
    np.testing.assert_allclose(face.landmarks, inferred['keypoints'], atol=0.1)


def test_it_says_of_itself_what_its_export_says(shipped):
    exported = FaceLandmarker(threads=1).model
    for name in ('layout', 'input_size', 'crop_rule', 'crop_padding', 'sure', 'min_score', 'state_shape'):
        assert getattr(shipped, name) == getattr(exported, name), name
    assert shipped.degrees_of_freedom == pytest.approx(exported.degrees_of_freedom, rel=1e-4)


def test_another_decoder_reads_the_same_maps(shipped):
    crops = made_up_crops(1, 256, 256)
    assert shipped.decoders == ('argmax', 'quarter_shift', 'local_soft_argmax', 'expectation')
    landmarks, maps = CheckpointModel(decoder='argmax')(crops).landmarks, shipped.look(crops)
    cells = maps.heatmaps[0].reshape(68, -1).argmax(1)
    cells = np.column_stack([cells % 32, cells // 32]).astype(float)
    np.testing.assert_allclose(landmarks[0], cells_to_pixels(cells, (32, 32), (256, 256), maps.grid), atol=1e-3)


def test_an_unknown_decoder_is_an_error():
    with pytest.raises(ValueError, match="found decoder='best', expected one of argmax, quarter_shift, "):
        CheckpointModel(decoder='best')


def test_attention_maps_are_those_of_the_boundaries(tmp_path):
    model = untrained('configs/300w/structured_hg4.py', SMALL, tmp_path)
    maps = model.look(made_up_crops(2, 128, 128))
    assert maps.heatmaps.shape == (2, 68, 32, 32)
    assert maps.boundaries.shape == (2, model.layout.num_boundaries, 32, 32)
    assert 0 < maps.boundaries.min() <= maps.boundaries.max() < 1


def test_heatmaps_of_marginals_are_their_products(tmp_path):
    model = untrained('configs/300w/attentive1d_mini.py', MARGINAL, tmp_path)
    maps = model.look(made_up_crops(1, *model.input_size))
    assert model.decoders == ('argmax', 'local_soft_argmax') and maps.boundaries is None
    ranks = np.linalg.matrix_rank(maps.heatmaps[0], tol=1e-4 * maps.heatmaps.max())
    assert maps.heatmaps.shape[:2] == (1, 68) and ranks.max() == 1


def test_no_face_gives_no_landmarks(shipped):
    assert FaceLandmarker(shipped)(np.zeros((64, 64, 3), np.uint8)) == []


def test_a_checkpoint_that_does_not_exist_is_named():
    with pytest.raises(FileNotFoundError, match='missing.pth'):
        CheckpointModel(None, 'missing.pth')
