"""The converter of official FAN checkpoints, on files with the public keys."""

import importlib
import re
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import load_checkpoint

import mmfld
from mmfld.apis import FaceLandmarkInferencer
from mmfld.models import FAN
from mmfld.structures import get_layout

CONVERTERS = Path(__file__).resolve().parents[3] / 'tools/model_converters'


@pytest.fixture
def convert(monkeypatch, capsys, tmp_path):
    """Runs the tool, which looks for configs in ``tmp_path``; returns (exit status, what it printed, its error)."""
    main = importlib.import_module('convert_fan_checkpoint').main
    monkeypatch.setattr(importlib.import_module('checkpoint_conversion'), 'REPOSITORY', tmp_path)

    def run(*arguments) -> tuple:
        status = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def save(tmp_path):
    """Writes an official file and returns its path."""

    def write(content) -> Path:
        torch.save(content, tmp_path / '2DFAN.pth.tar')
        return tmp_path / '2DFAN.pth.tar'

    return write


@pytest.fixture(scope='module')
def weights(golden_dir):
    """Public weights of 2 stacks for 68 points: each value is the number of its key, and uses little memory."""
    lines = (golden_dir / 'fan2_state_dict.txt').read_text().splitlines()
    shapes = [(key, [int(n) for n in re.findall(r'\d+', shape)]) for key, shape in (line.split('\t') for line in lines)]
    return {key: torch.tensor(float(i)).expand(shape) for i, (key, shape) in enumerate(shapes)}


@pytest.mark.parametrize(
    'wrap, source',
    [
        (lambda weights: OrderedDict(weights), 'state dict'),
        (lambda weights: dict(state_dict=weights, epoch=40), 'state_dict, epoch 40'),
        (lambda weights: dict(state_dict={f'module.{key}': value for key, value in weights.items()}), 'state_dict'),
    ],
)
def test_official_files(weights, save, convert, tmp_path, wrap, source):
    src, dst = save(wrap(weights)), tmp_path / 'new/folder/fan.pth'
    status, printed, error = convert(src, dst)
    assert status == 0, error
    assert printed.startswith(
        f'{src}: {source}\n'
        '  layout      300w68: 68 landmarks\n'
        '  stacks      2\n'
        '  parameters  12,106,504\n'
        f'{dst}: written\n'
        'The file does not tell the pooling that the network was trained with. Configs for\n'
    )
    written = torch.load(dst, weights_only=True)
    assert written['state_dict']['backbone.hourglasses.1.low2.low3.conv2.weight'].unique().item() == list(
        weights
    ).index('m1.b3_3.conv2.weight')
    meta = written['meta']
    assert (meta['converted_from'], meta['converted_weights'], meta['mmfld_version']) == (
        '2DFAN.pth.tar',
        source.split(',')[0],
        mmfld.__version__,
    )
    assert meta['dataset_meta']['flip_indices'] == list(get_layout('300w68').flip_indices)


def test_the_file_loads_into_a_model(weights, save, convert, tmp_path):
    assert convert(save(weights), tmp_path / 'fan.pth')[0] == 0
    model = torch.nn.ModuleDict(dict(backbone=FAN(pooling='avg')))
    load_checkpoint(model, str(tmp_path / 'fan.pth'), strict=True)
    assert model['backbone'].res1.shortcut[2].weight.unique().item() == list(weights).index('conv2.downsample.2.weight')


def test_converted_weights_of_four_stacks_run_in_their_config(weights, save, convert, tmp_path):
    """As the face-alignment package: its crop of a box, its argmax and quarter shift, and back by its formula."""
    torch.manual_seed(0)
    public = {}
    for key, value in weights.items():
        values = torch.rand(value.shape) if 'running_var' in key else 0.1 * torch.randn(value.shape)
        if value.dim() == 4:
            values = values / value[0].numel() ** 0.5 * 10
        stack = re.match(r'(m|top_m_|conv_last|bn_end|l|bl|al)0\b', key)
        for s in range(4 - ((stack[1] in ('bl', 'al')) if stack else 3)):
            public[key[: stack.end(1)] + str(s) + key[stack.end() :] if stack else key] = values
    assert convert(save(public), tmp_path / 'fan.pth')[0] == 0

    config = CONVERTERS.parents[1] / 'configs/300w/fan_hg4.py'
    inferencer = FaceLandmarkInferencer(str(config), str(tmp_path / 'fan.pth'), device='cpu', detector='whole_image')
    maps = []
    inferencer.model.head.decoder.cells, decode = (
        lambda found: maps.append(found) or decode(found),
        inferencer.model.head.decoder.cells,
    )
    image = np.random.default_rng(0).integers(0, 256, (200, 240, 3), dtype=np.uint8)
    x1, y1, x2, y2 = box = [60, 50, 140, 170]
    (face,) = next(inferencer(image, bboxes=[box]))['predictions'][0]

    center, scale = np.array([(x1 + x2) / 2, (y1 + y2) / 2 - 0.12 * (y2 - y1)]), (x2 - x1 + y2 - y1) / 195
    scores = maps[0][0].numpy()
    for found, score in zip(face['keypoints'], scores):
        row, column = np.unravel_index(score.argmax(), score.shape)
        cell = np.array([column, row], float)
        if 0 < column < 63 and 0 < row < 63:
            cell += 0.25 * np.sign(
                [score[row, column + 1] - score[row, column - 1], score[row + 1, column] - score[row - 1, column]]
            )
            np.testing.assert_allclose(found, (cell + 0.5 - 32) * 200 * scale / 64 + center, atol=1e-3)
    assert np.ptp(face['keypoints'], axis=0).min() > 1


def test_configs_with_the_network_are_named(weights, save, convert, tmp_path):
    for folder, layout in (('300w', '300w68'), ('wflw', 'wflw98')):
        (tmp_path / 'configs' / folder).mkdir(parents=True)
        (tmp_path / 'configs' / folder / 'subpixel_hg2.py').write_text(
            f"model = dict(backbone=dict(type='FAN', layout={layout!r}, pooling='avg'))"
        )
    _, printed, _ = convert(save(weights), tmp_path / 'fan.pth')
    assert printed.splitlines()[-2:] == [
        "  'max' (the authors' training code and 2-stack models): none here; write one with "
        "backbone=dict(type='FAN', layout='300w68', num_stacks=2, pooling='max')",
        "  'avg' (the face-alignment package): configs/300w/subpixel_hg2.py",
    ]


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(extra=torch.zeros(1)), 'unknown keys (1):\n  extra\n'),
        (dict(), 'missing keys, as FAN names them (1):\n  stem.conv.bias\n'),
        ({'conv1.bias': torch.zeros(63)}, 'keys of the wrong shape (1):\n  conv1.bias: found (63,), expected (64,)\n'),
    ],
)
def test_weights_that_do_not_fit(weights, save, convert, tmp_path, change, message):
    changed = weights | change
    if not change:
        del changed['conv1.bias']
    src = save(dict(state_dict=changed))
    assert convert(src, tmp_path / 'out.pth')[::2] == (
        1,
        f"error: {src}: state_dict: the weights do not fit a FAN of 2 stacks for layout '300w68'\n{message}",
    )
    assert not (tmp_path / 'out.pth').exists()


@pytest.mark.parametrize(
    'content, message',
    [
        (
            dict(model=None, epoch=3),
            "found no weights 'state_dict' in a dict with 'model': NoneType, 'epoch': int, "
            'expected an official checkpoint with them or a state dict',
        ),
        (
            dict(a=torch.zeros(1)),
            'state dict: expected the keys of a FAN, such as m0.b1_4.conv1.weight and l0.weight, found a, ...',
        ),
        ([1], 'found a list, expected a dict'),
    ],
)
def test_files_without_the_weights(save, convert, tmp_path, content, message):
    src = save(content)
    assert convert(src, tmp_path / 'out.pth')[::2] == (1, f'error: {src}: {message}\n')


@pytest.mark.filterwarnings('ignore:.torch.load. received a zip file:UserWarning')
def test_torchscript_archives_are_refused_with_a_way_out(convert, tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Conv2d(3, 4, 1)), str(tmp_path / '2DFAN4.zip'))
    assert convert(tmp_path / '2DFAN4.zip', tmp_path / 'out.pth')[::2] == (
        1,
        f'error: {tmp_path}/2DFAN4.zip is a TorchScript archive, which holds code and is not loaded for safety; if '
        'you trust it, convert what torch.save(torch.jit.load(SRC).state_dict(), FILE) writes\n',
    )


def test_the_layout_can_be_said(weights, save, convert, tmp_path):
    src = save(weights)
    status, printed, _ = convert(src, tmp_path / 'fan.pth', '--layout', '300w68')
    assert status == 0 and '300w68: 68 landmarks' in printed
    status, _, error = convert(src, tmp_path / 'other.pth', '--layout', 'wflw98')
    assert status == 1 and f"{src}: state dict: the weights do not fit a FAN of 2 stacks for layout 'wflw98'" in error


def test_an_existing_file_is_kept(save, convert, tmp_path):
    (tmp_path / 'out.pth').write_text('mine')
    assert convert(save(dict()), tmp_path / 'out.pth')[::2] == (
        1,
        f'error: {tmp_path}/out.pth exists; choose another name, or replace it with --overwrite\n',
    )
    assert (tmp_path / 'out.pth').read_text() == 'mine'


def test_an_existing_file_is_replaced_on_request(weights, save, convert, tmp_path):
    (tmp_path / 'out.pth').write_text('mine')
    assert convert(save(weights), tmp_path / 'out.pth', '--overwrite')[0] == 0
    assert torch.load(tmp_path / 'out.pth', weights_only=True).keys() == {'meta', 'state_dict'}
