"""Every head as an ONNX file, at small size; that onnxruntime answers as torch does is checked by the export itself."""

import hashlib

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS

from mmfld.apis import onnx_export
from mmfld.apis.onnx_export import CropsToLandmarks, export_onnx
from mmfld.apis.whole_model import init_whole_model
from mmfld.cli.main import main
from mmfld.engine.hooks.plain_checkpoint_hook import to_plain
from mmfld.engine.rows import read_config
from mmfld.runtime import LandmarkModel
from mmfld.runtime.model import Prediction
from mmfld.structures import get_layout

MINI = {'model.backbone.width': 16, 'model.backbone.num_stacks': 1, 'model.backbone.num_levels': 2}
FEATURES = {**MINI, 'model.head.in_channels': 16}
SMALL = {**MINI, 'codec.input_size': (128, 128), 'codec.heatmap_size': (32, 32)}
BRANCHES = {'model.head.length': 128, 'model.head.channels': 8, 'codec.length': 128, 'codec.sigma': 4.0}
CASES = {
    'structured': ('configs/300w/structured_hg2_mini.py', MINI),
    'structured, half a cell apart': (
        'configs/300w/structured_hg2_mini.py',
        {**MINI, 'codec.decoder': 'expectation', 'model.type': 'HalfCellFlipTopdownPoseEstimator'},
    ),
    'structured with attention maps': ('configs/300w/structured_hg4.py', {**SMALL, 'model.backbone.num_stacks': 2}),
    'STAR': ('configs/300w/star_hg2_mini.py', MINI),
    'soft-argmax': ('configs/300w/softargmax_hg4.py', SMALL),
    'ADNet': ('configs/300w/adnet_hg4.py', SMALL),
    'subpixel': ('configs/300w/subpixel_mini.py', {**MINI, 'model.backbone.init_cfg': None}),
    'Siamese': ('configs/300w/subpixel_siamese_mini.py', {**MINI, 'model.backbone.init_cfg': None}),
    'quarter shift': ('configs/300w/subpixel_mini.py', {**MINI, 'codec.decoder': 'quarter_shift'}),
    'coordinate correction': ('projects/reproduce/subpixel.yml:mini-correction-static', FEATURES),
    'co-attention': ('configs/300w/attentive1d_mini.py', {**FEATURES, **BRANCHES}),
    'co-attention, local soft-argmax': (
        'configs/300w/attentive1d_mini.py',
        {**FEATURES, **BRANCHES, 'codec.decoder': 'local_soft_argmax'},
    ),
    'with boundaries': (
        'configs/300w/attentive1d_hg4_boundary.py',
        {**FEATURES, **BRANCHES, 'codec.input_size': (128, 128), 'model.head.feature_size': 32},
    ),
    "MMPose's heatmaps": ('projects/benchmark_300w/configs/heatmap.py', FEATURES),
    "MMPose's SimCC": ('projects/benchmark_300w/configs/simcc.py', FEATURES),
}
WITH_COVARIANCES = (
    'structured',
    'structured, half a cell apart',
    'structured with attention maps',
    'STAR',
    'soft-argmax',
    'ADNet',
)
TRACKER = (
    'configs/synthetic/attentive1d_tracker_mini.py',
    {**FEATURES, **BRANCHES, 'model.refinement.channels': 4, 'model.min_score': 0.0},
)
TRACKERS = {
    'of marginals': (*TRACKER, (2, 4, 128)),
    # its global soft-argmax reads distributions; of the first two crops only the second is good enough to be remembered
    'of maps': (
        'configs/300w/subpixel_mini.py',
        {
            **MINI,
            'model.backbone.init_cfg': None,
            'codec.decoder': 'expectation',
            'model.type': 'FaceTracker',
            'model.refinement': dict(channels=4),
            'model.min_score': 0.0918,
        },
        (1, 4, 32, 32),
    ),
}


def saved(name, options, folder, **more):
    """The config, and a checkpoint of random weights with random running statistics."""
    cfg = read_config(name, options)
    init_default_scope('mmpose')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    for buffer_name, buffer in model.named_buffers():
        if buffer_name.endswith('running_mean'):
            buffer.normal_(0, 0.1)
        elif buffer_name.endswith('running_var'):
            buffer.uniform_(0.5, 2)
    for parameter_name, parameter in model.named_parameters():
        if 'cnn4.3' in parameter_name:  # zero in an untrained refinement, which then refines nothing
            torch.nn.init.normal_(parameter)
    meta = dict(dataset_meta=parse_pose_metainfo(get_layout('300w68').metainfo))
    torch.save(dict(state_dict=model.state_dict(), meta=to_plain(meta, 'meta'), **more), folder / 'weights.pth')
    return cfg, folder / 'weights.pth'


@pytest.mark.usefixtures('exporter')
@pytest.mark.parametrize('case', CASES)
def test_every_head(case, tmp_path):
    cfg, checkpoint = saved(*CASES[case], tmp_path)
    flip_test = case in (
        'structured',
        'structured, half a cell apart',
        'coordinate correction',
        'co-attention',
    ) or case.startswith('MMPose')
    export_onnx(cfg, checkpoint, tmp_path / 'model.onnx', flip_test=flip_test)
    model = LandmarkModel(tmp_path / 'model.onnx', threads=1)
    crops = onnx_export.made_up_crops(3, *model.input_size)
    together, alone = model(crops), model(crops[1:2])
    assert together.landmarks.shape == (3, 68, 2) and together.scores.shape == (3, 68)
    np.testing.assert_allclose(alone.landmarks[0], together.landmarks[1], atol=0.01)
    assert (together.covariances is not None) == (case in WITH_COVARIANCES)
    if together.covariances is not None:
        assert together.covariances.shape == (3, 68, 2, 2) and (np.linalg.eigvalsh(together.covariances) > 0).all()
        assert model(crops[:0]).covariances.shape == (0, 68, 2, 2)
    assert model.metadata['method'].split()[0] == cfg.model.head.type and model.layout.name == '300w68'
    if case == 'structured':
        assert model.metadata['method'] == 'StackedHeatmapHead StructuredHeatmapLoss'


@pytest.mark.usefixtures('exporter')
@pytest.mark.parametrize('case', ['structured', 'STAR', 'subpixel', 'coordinate correction', 'co-attention'])
def test_calibrated_weights_of_every_method_tell_errors_and_visibility(case, tmp_path, calibration):
    cfg, checkpoint = saved(*CASES[case], tmp_path, calibration=calibration)
    export_onnx(cfg, checkpoint, tmp_path / 'model.onnx', flip_test=case == 'structured')
    model = LandmarkModel(tmp_path / 'model.onnx', threads=1)
    assert model.degrees_of_freedom == 5 and model.outputs == ['landmarks', 'scores', 'covariances', 'visible']
    found = model(onnx_export.made_up_crops(3, *model.input_size))
    assert found.covariances.shape == (3, 68, 2, 2) and (np.linalg.eigvalsh(found.covariances) > 0).all()
    assert found.visible.shape == (3, 68) and (np.abs(found.visible - 0.5) <= 0.5).all()
    assert found.visible.std() > 0.05
    assert model(onnx_export.made_up_crops(0, *model.input_size)).visible.shape == (0, 68)


@pytest.mark.usefixtures('exporter')
@pytest.mark.parametrize('case', TRACKERS)
def test_the_refinement_of_a_tracker(case, tmp_path):
    """Frame after frame as torch does, which the export checks; and it does remember."""
    name, options, state_shape = TRACKERS[case]
    export_onnx(*saved(name, options, tmp_path), tmp_path / 'model.onnx')
    model = LandmarkModel(tmp_path / 'model.onnx', threads=1)
    assert model.state_shape == state_shape
    crops = onnx_export.made_up_crops(4, *model.input_size)
    first = model(crops[:2])
    assert first.state.shape == (2, *state_shape) and model(crops[:0]).state.shape == (0, *state_shape)
    assert (first.covariances is not None) == (case == 'of maps')
    moved = np.abs(model(crops[2:], first.state).landmarks - model(crops[2:]).landmarks).max(axis=(1, 2))
    assert (moved > 0.1).tolist() == [case == 'of marginals', True]


@pytest.mark.parametrize('case', TRACKERS)
def test_crops_without_a_state_are_the_first_of_their_videos(case, tmp_path):
    name, options, state_shape = TRACKERS[case]
    module = CropsToLandmarks(init_whole_model(*saved(name, options, tmp_path)), flip_test=False).eval()
    crops = torch.from_numpy(onnx_export.made_up_crops(3, 128, 128))
    with torch.no_grad():
        found, expected = module.predict(crops), module.predict(crops, torch.zeros(3, *state_shape))
    assert set(found) == set(expected) and found['state'].any()
    for field, value in expected.items():
        torch.testing.assert_close(found[field], value)


@pytest.mark.usefixtures('exporter')
def test_a_state_that_moves_with_the_crop_is_not_exported(tmp_path):
    name, options = TRACKER
    with pytest.raises(TypeError, match='move_state=True cannot be exported'):
        export_onnx(*saved(name, {**options, 'model.move_state': True}, tmp_path), tmp_path / 'model.onnx')


def test_nothing_but_an_onnx_file_is_written(tmp_path):
    name, checkpoint = saved(*CASES['STAR'], tmp_path)
    before = checkpoint.read_bytes()
    (tmp_path / 'folder.onnx').mkdir()
    for path in (checkpoint, tmp_path / 'folder.onnx', tmp_path):
        with pytest.raises(ValueError, match=f'found {path} as the file to write, expected a name that ends in .onnx'):
            export_onnx(name, checkpoint, path)
    assert checkpoint.read_bytes() == before


def test_what_is_compared():
    one = Prediction(np.zeros((1, 1, 2)), np.full((1, 1), 0.5), 100 * np.eye(2)[None, None])
    other = Prediction(one.landmarks + [0.2, -0.3], one.scores - 0.1, one.covariances + [[0, 0], [0, 10]])
    apart = onnx_export._apart(other, one)
    assert apart == pytest.approx(dict(landmarks=0.3, scores=0.2, covariances=10 / 200))


@pytest.mark.usefixtures('exporter')
def test_landmarks_that_differ_leave_no_file(tmp_path, monkeypatch):
    cfg, checkpoint = saved(*CASES['structured'], tmp_path)
    monkeypatch.setattr(onnx_export, 'TOLERANCE', -1.0)
    with pytest.raises(ValueError, match='model.onnx: landmarks of onnxruntime and torch are up to .* pixels apart'):
        export_onnx(cfg, checkpoint, tmp_path / 'model.onnx')
    assert not (tmp_path / 'model.onnx').exists()


@pytest.mark.usefixtures('exporter')
def test_half_is_half_and_says_what_it_is(tmp_path, capsys):
    cfg, checkpoint = saved(*CASES['structured'], tmp_path)
    cfg.dump(str(tmp_path / 'config.py'))
    for name, half in (('whole', []), ('half', ['--half'])):
        assert (
            main(
                [
                    'export',
                    str(tmp_path / 'config.py'),
                    str(checkpoint),
                    str(tmp_path / f'{name}.onnx'),
                    '--sure',
                    '0.3',
                    '--licence',
                    'ours',
                    *half,
                ]
            )
            == 0
        )
    sizes = [(tmp_path / f'{name}.onnx').stat().st_size for name in ('half', 'whole')]
    assert sizes[0] < 0.85 * sizes[1]
    whole, half = (LandmarkModel(tmp_path / f'{name}.onnx', threads=1) for name in ('whole', 'half'))
    assert half.sure == 0.3 and half.metadata['licence'] == 'ours' and half.metadata['flip_test'] == 'False'
    assert half.metadata['sha256'] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert half.metadata['outputs'] == 'landmarks scores covariances'
    assert half.metadata['coordinates'].startswith('pixels of the crop, (x, y)')
    crops = onnx_export.made_up_crops(2, *half.input_size)
    np.testing.assert_allclose(half(crops).scores, whole(crops).scores, rtol=0.05, atol=0.01)


@pytest.mark.usefixtures('exporter')
def test_a_pipeline_with_another_crop_is_named(tmp_path):
    cfg, checkpoint = saved(*CASES['structured'], tmp_path)
    cfg.test_dataloader.dataset.pipeline = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]
    with pytest.raises(ValueError, match='found no GetFaceCrop and FaceAffine in the test pipeline'):
        export_onnx(cfg, checkpoint, tmp_path / 'model.onnx')


@pytest.mark.usefixtures('exporter')
def test_landmarks_of_no_layout_are_named(tmp_path):
    cfg, checkpoint = saved(*CASES["MMPose's SimCC"], tmp_path)
    content = torch.load(checkpoint)
    content['meta']['dataset_meta']['dataset_name'] = 'coco'
    torch.save(content, checkpoint)
    with pytest.raises(ValueError, match='weights.pth: .*coco'):
        export_onnx(cfg, checkpoint, tmp_path / 'model.onnx')


def test_a_missing_package_is_one_sentence(tmp_path, monkeypatch):
    cfg, checkpoint = saved(*CASES['structured'], tmp_path)
    monkeypatch.setitem(__import__('sys').modules, 'onnx', None)
    with pytest.raises(ImportError, match='exporting needs .* run `pip install onnx onnxscript onnxruntime`'):
        export_onnx(cfg, checkpoint, tmp_path / 'model.onnx')


def test_an_old_torch_is_one_sentence(tmp_path, monkeypatch):
    cfg, checkpoint = saved(*CASES['structured'], tmp_path)
    monkeypatch.setattr(torch.onnx, 'export', lambda model, args, f: None)
    with pytest.raises(ImportError, match='exporting needs torch 2.6 or newer, found .*; what is exported needs none'):
        export_onnx(cfg, checkpoint, tmp_path / 'model.onnx')
