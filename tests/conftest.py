"""Fixtures that all tests share."""

import hashlib
import re
import runpy
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch

import mmfld  # noqa: F401  registers the components and prepares the environment
from mmfld.codecs import decoders
from mmfld.structures import cells_to_normalized, get_layout

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / 'shared'
TINY_CONFIG = """
_base_ = [{base!r}]
model = dict(backbone=dict(width=16, num_stacks=1, num_levels=2))
data = dict(data_root={data!r})
train_dataloader = dict(
    batch_size=2, num_workers=1, dataset=dict(**data, ann_file='annotations/synthetic_300w68_train.json'))
val_dataloader = dict(num_workers=0, persistent_workers=False,
    dataset=dict(**data, ann_file='annotations/synthetic_300w68_test.json'))
test_dataloader = val_dataloader
auto_scale_lr = dict(base_batch_size=4)
train_cfg = dict(max_epochs=4, val_interval=4)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1, save_best=None),
                     progress=dict(type='ProgressBarHook'))
optim_wrapper = dict(_delete_=True, type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
log_processor = dict(window_size=1)
"""


def pytest_addoption(parser) -> None:
    parser.addoption('--long', action='store_true', help='more inputs to the tests of tests/faults')


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if item.get_closest_marker('slow') is None and item.get_closest_marker('configuration') is None:
            item.add_marker('unit')


@pytest.fixture(scope='session')
def long(request) -> bool:
    """Whether there is time for more inputs."""
    return request.config.getoption('--long')


@pytest.fixture(scope='session')
def shared_dir() -> Path:
    """The folder with real faces and official coordinates beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f'needs real faces beside the checkout: {SHARED} does not exist')
    return SHARED


@pytest.fixture(scope='session')
def golden_dir() -> Path:
    """Reference values, see the README there."""
    return REPOSITORY / 'tests' / 'data'


@pytest.fixture(scope='session')
def synthetic_faces(tmp_path_factory) -> Path:
    """Data root with 12 training and 4 test faces in every layout, as the tool writes them."""
    root = tmp_path_factory.mktemp('synthetic')
    tool = REPOSITORY / 'tools' / 'dataset_converters' / 'make_synthetic_faces.py'
    options = ['--train', '12', '--test', '4', '--image-size', '128', '--workers', '1']
    assert runpy.run_path(str(tool))['main']([str(root), *options]) == 0
    return root


@pytest.fixture(scope='session')
def tiny_config(tmp_path_factory, synthetic_faces) -> Path:
    """A config whose training takes a second or two."""
    path = tmp_path_factory.mktemp('config') / 'tiny.py'
    path.write_text(
        TINY_CONFIG.format(base=str(REPOSITORY / 'configs/300w/structured_hg2_mini.py'), data=str(synthetic_faces))
    )
    return path


@pytest.fixture(scope='session')
def official_state_dict(golden_dir) -> Callable[[str], dict[str, torch.Tensor]]:
    """Makes the state dict of an official network for a layout, whose weights depend on nothing but their names."""

    @cache
    def make(layout: str) -> dict:
        incidence = torch.from_numpy(get_layout(layout).boundary_of_keypoint)
        state = {}
        for line in (golden_dir / f'star_{layout[:-2]}_state_dict.txt').read_text().splitlines():
            key, shape, dtype, _ = line.split('\t')
            shape = [int(n) for n in re.findall(r'\d+', shape)]
            if dtype != 'float32':
                state[key] = torch.zeros(shape, dtype=getattr(torch, dtype))
                continue
            seed = int.from_bytes(hashlib.sha256(f'2023:{key}'.encode()).digest()[:4], 'big') & 0x7FFFFFFF
            u = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
            scale = key.endswith('running_var') or ('.bn' in key and key.endswith('.weight'))
            state[key] = 1 + 0.1 * u if scale else 0.05 * (2 * u - 1)
        state['e2h_transform.weight'] = incidence[:, :, None, None]
        state['e2h_transform.bias'] = (incidence.sum(1) == 0).float()
        return state

    return lambda layout: dict(make(layout))


@pytest.fixture(scope='session')
def write_video_without_a_frame() -> Callable:
    """Writes pictures, uint8 in BGR, as a video of 10 frames a second in which that of number ``lost`` is damaged."""

    def write(path: Path, pictures: Sequence[np.ndarray], lost: int) -> None:
        import av

        with av.open(str(path), 'w') as output:
            stream = output.add_stream('libx264', 10, options=dict(g='1'))
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = 'yuv420p'
            for picture in pictures:
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, 'bgr24')))
            output.mux(stream.encode())
        with av.open(str(path)) as container:
            at, size = [(packet.pos, packet.size) for packet in container.demux() if packet.size][lost]
        content = bytearray(path.read_bytes())
        content[at : at + size] = bytes(size)
        path.write_bytes(content)

    return write


@pytest.fixture(scope='session')
def reference_input() -> torch.Tensor:
    """What the reference networks got to see, (1, 3, 256, 256)."""
    return torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(4242)) * 2 - 1


@pytest.fixture(scope='session')
def reference_decode() -> Callable:
    """Decodes the fused maps of all stacks as the reference does, to (S, K, 2) in [-1, 1]."""
    return lambda fused: np.stack(
        [cells_to_normalized(decoders.expectation(maps)[0], 64, 'align_corners').numpy() for maps in fused]
    )


@pytest.fixture(scope='session')
def calibration() -> dict[str, torch.Tensor]:
    """Made-up values of a calibration for 68 landmarks, as a checkpoint holds them."""
    rng = torch.Generator().manual_seed(0)
    normal = partial(torch.randn, generator=rng)
    return dict(
        offset=2 + 0.3 * normal(68),
        elongation=0.3 * normal(68),
        slope=torch.tensor([-0.5, 0.3, -0.2, 0.1]),
        curve=torch.full((4,), 0.01),
        power=torch.tensor(0.4),
        low=torch.full((4,), -6.0),
        high=torch.full((4,), 6.0),
        degrees_of_freedom=torch.tensor(5.0),
        mean=normal(136),
        deviation=torch.ones(136),
        visible_weight=0.2 * normal(68, 136),
        visible_offset=normal(68),
    )


@pytest.fixture
def files_end_at():
    """Inside ``with files_end_at(size)`` no file can have more bytes, as on a full disk."""
    resource = pytest.importorskip('resource', reason='Windows limits no sizes of files')

    @contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
