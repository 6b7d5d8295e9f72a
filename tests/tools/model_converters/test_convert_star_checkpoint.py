"""The converter of official checkpoints, on files as the official code writes them: with the reference's landmarks."""

import json
import pickle
import runpy
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

import mmfld
from mmfld.apis import FaceLandmarkInferencer

REPOSITORY = Path(__file__).resolve().parents[3]
TOOL = REPOSITORY / 'tools/model_converters/convert_star_checkpoint.py'
PARAMETERS = dict(wflw98='13,476,468', cofw29='13,225,028', **{'300w68': '13,368,708'})


class Custom:
    """Something that only unsafe loading would load."""


@pytest.fixture
def save(tmp_path):
    """Writes an official file and returns its path."""

    def write(content) -> Path:
        torch.save(content, tmp_path / 'official.pkl')
        return tmp_path / 'official.pkl'

    return write


@pytest.fixture
def convert(capsys):
    """Runs the tool and returns (exit status, what it printed, its error message)."""

    def run(*arguments) -> tuple:
        status = runpy.run_path(str(TOOL))['main']([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def official_checkpoint(weights: dict) -> dict:
    """As the official training writes it; the optimizer has seen a few parameters only."""
    parameter = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.Adam([parameter], lr=1e-3)
    parameter.sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [200, 350, 450])
    return dict(
        net=OrderedDict(weights),
        net_ema=OrderedDict(weights),
        optimizer=optimizer.state_dict(),
        scheduler=scheduler.state_dict(),
        epoch=211,
    )


def landmarks(dst: Path, config: str, images: torch.Tensor, decode) -> np.ndarray:
    """(4, K, 2) of a config's network with the weights of a converted file."""
    init_default_scope('mmpose')
    model = MODELS.build(Config.fromfile(REPOSITORY / 'configs' / config).model).eval()
    model.load_state_dict(torch.load(dst, weights_only=True)['state_dict'], strict=True)
    with torch.no_grad():
        return decode(model.head(model.backbone(images)))


@pytest.mark.parametrize('layout', PARAMETERS)
def test_landmarks_of_all_stacks_equal_the_reference(
    layout, official_state_dict, golden_dir, reference_input, reference_decode, save, convert, tmp_path
):
    src, dst = save(official_checkpoint(official_state_dict(layout))), tmp_path / 'new/folder/star.pth'
    status, printed, _ = convert(src, dst)
    name = layout[:-2]
    assert status == 0
    np.testing.assert_allclose(
        landmarks(dst, f'{name}/star_hg4.py', reference_input, reference_decode),
        np.load(golden_dir / f'net_{name.upper()}.npz')['landmarks'],
        atol=1e-3,
    )
    assert f'{src}: net, epoch 211' in printed and f'layout      {layout}: ' in printed
    assert f'parameters  {PARAMETERS[layout]}' in printed
    assert 'boundaries  equal to those of the layout' in printed and 'AAM         yes' in printed
    assert f'configs/{name}/star_hg4.py' in printed
    assert '--cfg-options crop.rule=landmark_height crop.padding=1.' in printed
    assert f"'none' (Heatmap Regression without Soft-argmax): configs/{name}/structured_hg4.py" in printed


def test_averaged_weights_of_p1(
    official_state_dict, golden_dir, reference_input, reference_decode, save, convert, tmp_path
):
    weights = {'n_averaged': torch.tensor(211)} | {
        f'module.{key}': value for key, value in official_state_dict('cofw29').items()
    }
    assert convert(save(dict(net=weights)), tmp_path / 'p1.pth')[0] == 0
    np.testing.assert_allclose(
        landmarks(tmp_path / 'p1.pth', 'cofw/star_hg4.py', reference_input, reference_decode),
        np.load(golden_dir / 'net_COFW.npz')['landmarks'],
        atol=1e-3,
    )


def test_choice_of_weights(official_state_dict, save, convert, tmp_path):
    weights, dst = official_state_dict('cofw29'), tmp_path / 'out.pth'
    src = save(dict(net=weights, net_ema=weights | {'pre.0.conv.bias': torch.full((64,), 2.0)}))
    written = []
    for arguments in ((), ('--weights', 'net_ema', '--overwrite')):
        assert convert(src, dst, *arguments)[0] == 0
        content = torch.load(dst, weights_only=True)
        bias = content['state_dict']['backbone.stem.conv.bias']
        written.append((content['meta']['converted_weights'], bias.tolist()))
    assert written == [('net', weights['pre.0.conv.bias'].tolist()), ('net_ema', [2.0] * 64)]


def test_a_state_dict_alone(official_state_dict, save, convert, tmp_path):
    weights = {key: value for key, value in official_state_dict('cofw29').items() if 'e2h_transform' not in key}
    status, printed, _ = convert(save(weights), tmp_path / 'out.pth')
    meta = torch.load(tmp_path / 'out.pth', weights_only=True)['meta']
    assert status == 0 and 'official.pkl: state dict\n' in printed
    assert 'boundaries  not stored in the file, assumed to be those of the layout' in printed
    assert (meta['converted_from'], meta['converted_weights'], meta['mmfld_version']) == (
        'official.pkl',
        'state dict',
        mmfld.__version__,
    )


def test_without_a_config_the_backbone_is_told(official_state_dict, save, convert, tmp_path):
    weights = {
        key: value
        for key, value in official_state_dict('cofw29').items()
        if not any(
            part in key for part in ('edgemaps', 'pointmaps', 'e2h', '.3.', 'merge_features.2', 'merge_heatmaps.2')
        )
        or key.startswith('pre.3.')
    }
    status, printed, error = convert(save(weights), tmp_path / 'out.pth')
    assert status == 0, error
    assert 'stacks      3\n' in printed and 'AAM         no\n' in printed
    assert (
        "'none' (Heatmap Regression without Soft-argmax): none here; write one with backbone=dict("
        "type='HourglassAAM', layout='cofw29', num_stacks=3, attention_maps=False, heatmap_activation='none')"
    ) in printed


def test_the_file_works_with_the_test_command_and_the_inferencer(
    official_state_dict, synthetic_faces, save, convert, tmp_path, monkeypatch
):
    config, dst = REPOSITORY / 'configs/300w/star_hg4.py', tmp_path / 'star.pth'
    assert convert(save(official_state_dict('300w68')), dst)[0] == 0
    annotations = json.loads((synthetic_faces / 'annotations/synthetic_300w68_test.json').read_text())
    points = np.reshape(annotations['annotations'][0]['keypoints'], (68, 3))[:, :2]

    monkeypatch.setattr(
        sys,
        'argv',
        [
            'test.py',
            str(config),
            str(dst),
            '--work-dir',
            str(tmp_path / 'work'),
            '--dump',
            str(tmp_path / 'dump.pkl'),
            '--cfg-options',
            f'test_dataloader.dataset.data_root={synthetic_faces}',
            'test_dataloader.num_workers=0',
            'test_dataloader.dataset.ann_file=annotations/synthetic_300w68_test.json',
            'test_dataloader.dataset.indices=1',
            'test_dataloader.persistent_workers=False',
        ],
    )
    runpy.run_path(str(REPOSITORY / 'tools/test.py'))['main']()
    (tested,) = pickle.loads((tmp_path / 'dump.pkl').read_bytes())

    inferencer = FaceLandmarkInferencer(str(config), dst, device='cpu')
    image = synthetic_faces / 'images' / annotations['images'][0]['file_name']
    (result,) = inferencer(str(image), bboxes=[[*points.min(axis=0), *points.max(axis=0)]])
    inferred = result['predictions'][0][0]['keypoints']
    assert np.ptp(inferred, axis=0).min() > 1
    np.testing.assert_allclose(inferred, tested['pred_instances']['keypoints'][0], atol=1e-2)
    assert inferencer.model.dataset_meta['dataset_name'] == '300w68'


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(extra=torch.zeros(1)), 'unknown keys (1):\n  extra\n'),
        (dict(), 'missing keys, as HourglassAAM names them (1):\n  stem.conv.bias\n'),
        (
            {'pre.0.conv.bias': torch.zeros(63)},
            'keys of the wrong shape (1):\n  pre.0.conv.bias: found (63,), expected (64,)\n',
        ),
        (
            {'e2h_transform.weight': torch.zeros(29, 7, 1, 1)},
            "e2h_transform: 26 landmarks lie on other boundaries than in layout 'cofw29'; found\n"
            '  landmark 0: nothing, expected right_eyebrow (1)\n',
        ),
    ],
)
def test_weights_that_do_not_fit(official_state_dict, save, convert, tmp_path, change, message):
    weights = official_state_dict('cofw29') | change
    if not change:
        del weights['pre.0.conv.bias']
    src = save(dict(net=weights))
    status, _, error = convert(src, tmp_path / 'out.pth')
    assert status == 1 and error.startswith(f'error: {src}: net: ') and message in error
    assert not (tmp_path / 'out.pth').exists()


def test_unknown_number_of_landmarks(official_state_dict, save, convert, tmp_path):
    weights = {
        key: value[:7] if key.startswith('out_edgemaps') else value
        for key, value in official_state_dict('300w68').items()
    }
    src = save(dict(net=weights))
    assert convert(src, tmp_path / 'out.pth')[::2] == (
        1,
        f'error: {src}: net: found 68 landmarks and 7 boundaries, expected those of a known layout: wflw98 (98 and '
        '9), 300w68 (68 and 9), cofw29 (29 and 7), aflw19 (19 and 6)\n',
    )


@pytest.mark.parametrize(
    'content, weights, message',
    [
        (
            dict(net=None, epoch=3),
            'net',
            "found no weights 'net' in a dict with 'net': NoneType, 'epoch': int, expected an "
            'official checkpoint with them or a state dict',
        ),
        (
            dict(net=dict()),
            'net_ema',
            "found no weights 'net_ema' in a dict with 'net': dict, expected an official checkpoint with them",
        ),
        (
            dict(a=torch.zeros(1)),
            'net_ema',
            "found no weights 'net_ema' in a dict with 'a': Tensor, expected an official checkpoint with them",
        ),
        (
            dict(),
            'net',
            "found no weights 'net' in a dict with nothing, expected an official checkpoint with them or a state dict",
        ),
        ([1], 'net', 'found a list, expected a dict'),
    ],
)
def test_files_without_the_weights(save, convert, tmp_path, content, weights, message):
    src = save(content)
    assert convert(src, tmp_path / 'out.pth', '--weights', weights)[::2] == (1, f'error: {src}: {message}\n')


def test_unsafe_pickles_are_refused(save, convert, tmp_path):
    src = save(dict(net=dict(), custom=Custom()))
    status, _, error = convert(src, tmp_path / 'out.pth')
    assert status == 1
    assert error.startswith(
        f'error: {src} cannot be read as tensors and plain data, and nothing else is loaded for '
        'safety: UnpicklingError: Unsupported global: '
    )
    assert 'Custom' in error and 'trust' not in error  # names the object; no advice to load unsafely


@pytest.mark.parametrize('content', [b'', b'no checkpoint', b'PK\x03\x04 cut off'])
def test_files_that_are_no_checkpoints(convert, tmp_path, content):
    (tmp_path / 'broken.pkl').write_bytes(content)
    status, _, error = convert(tmp_path / 'broken.pkl', tmp_path / 'out.pth')
    assert status == 1 and error.startswith(f'error: {tmp_path}/broken.pkl cannot be read as tensors and plain data')


def test_missing_file(convert, tmp_path):
    assert convert(tmp_path / 'none.pkl', tmp_path / 'out.pth')[::2] == (
        1,
        f'error: {tmp_path}/none.pkl is not a file, expected an official checkpoint\n',
    )


def test_an_existing_file_is_kept(save, convert, tmp_path):
    (tmp_path / 'out.pth').write_text('mine')
    assert convert(save(dict(net=dict())), tmp_path / 'out.pth')[::2] == (
        1,
        f'error: {tmp_path}/out.pth exists; choose another name, or replace it with --overwrite\n',
    )
    assert (tmp_path / 'out.pth').read_text() == 'mine'
