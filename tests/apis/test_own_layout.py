"""A scheme of one's own from a config to landmarks, with nothing else but the files that training and export leave."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from mmfld.apis import FaceLandmarkInferencer
from mmfld.apis.onnx_export import export_onnx
from mmfld.engine.hooks.plain_checkpoint_hook import to_plain
from mmfld.engine.rows import read_config
from mmfld.models.backbones import HourglassAAM
from mmfld.runtime import FaceLandmarker

OWN = dict(name='own5', num_keypoints=5, flip_pairs=[[0, 1], [3, 4]])
OPTIONS = {'model.backbone.width': 16, 'model.backbone.num_levels': 2}


def saved(layout, folder):
    """A config with this layout, and a checkpoint of random weights."""
    path = folder / 'own.py'
    path.write_text(f"""
_base_ = ['{read_config('configs/300w/structured_hg2_mini.py').filename}']
layout = dict(_delete_=True, **{layout!r})
val_evaluator = dict(norm='box')
test_evaluator = val_evaluator
from mmfld.engine.combine import combine
combine(globals())
""")
    cfg = read_config(path, OPTIONS)
    init_default_scope('mmpose')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    meta = to_plain(dict(cfg=cfg.pretty_text), 'meta')
    torch.save(dict(state_dict=model.state_dict(), meta=meta), folder / 'own.pth')
    return cfg, folder / 'own.pth'


@pytest.fixture
def image():
    return cv2.resize(np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8), (160, 120))


@pytest.mark.usefixtures('exporter')
@pytest.mark.parametrize('eyes', [{}, dict(eye_corners=[0, 1])])
def test_checkpoint_and_export_know_the_layout(eyes, image, tmp_path):
    cfg, checkpoint = saved({**OWN, **eyes}, tmp_path)
    box = [[30.0, 20.0, 110.0, 100.0]]
    inferencer = FaceLandmarkInferencer(None, str(checkpoint), device='cpu', detector='whole_image')
    expected = next(inferencer(image, bboxes=box, refine=0))['predictions'][0][0]['keypoints']
    export_onnx(cfg, checkpoint, tmp_path / 'own.onnx')
    landmarker = FaceLandmarker(tmp_path / 'own.onnx', 'whole_image', threads=1, orientation='upright')
    assert landmarker.model.layout.flip_indices == (1, 0, 2, 4, 3)
    (face,) = landmarker(image, box, refine=0)
    np.testing.assert_allclose(face.landmarks, expected, atol=0.1)
    assert (face.angle == 0) == (not eyes)
    turned = FaceLandmarker(tmp_path / 'own.onnx', 'whole_image', threads=1)
    assert turned.orientation == ('auto' if eyes else 'upright')
    if not eyes:
        with pytest.raises(ValueError, match="layout 'own5' has no eye corners, which tell how a face is turned"):
            FaceLandmarker(tmp_path / 'own.onnx', 'whole_image', orientation='mixed')


def test_attention_maps_need_boundaries():
    with pytest.raises(ValueError, match="attention_maps=True needs facial boundaries, but layout 'own5' has none"):
        HourglassAAM(OWN)
    HourglassAAM(OWN, attention_maps=False, width=8)
