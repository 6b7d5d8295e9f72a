"""What the benchmark commands share: reading a config, made-up samples, and a clock that waits for the GPU."""

import argparse
import time
from collections import defaultdict
from contextlib import contextmanager
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from mmengine import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS
from plain_formulation import plain_copy

import mmfld  # noqa: F401  registers the components and prepares the environment
from mmfld.engine.options import OptionsAction
from mmfld.engine.rows import read_config
from mmfld.models import HourglassAAM


def config_parser(description: str, several: bool = False) -> argparse.ArgumentParser:
    """A parser with the arguments of every command here: CONFIG, or several of them, and ``--cfg-options``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('config', nargs='+' if several else None, help='MMPose-style config file')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        default={},
        help='override settings of the config, e.g. train_dataloader.dataset.data_root=/data/wflw',
    )
    return parser


def load_config(args: argparse.Namespace, name: str | None = None) -> Config:
    """The config of the command line, or one of several, with its scope made the default one."""
    cfg = read_config(name or args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    return cfg


def variant_options(parser: argparse.ArgumentParser) -> None:
    """The arguments that :func:`variants` reads."""
    parser.add_argument(
        '--amp', action='store_true', help='beside float32 mixed precision: float16 on a GPU, bfloat16 on the CPU'
    )
    parser.add_argument(
        '--compile',
        action='store_true',
        help='beside each precision the backbone compiled by torch.compile, which takes minutes',
    )


class Variant(NamedTuple):
    """A model and how it is run."""

    model: torch.nn.Module
    amp: bool = False


def variants(model: torch.nn.Module, args: argparse.Namespace) -> dict[str, Variant]:
    """Copies of a model with the same weights, to be measured in turns.

    ``'float32'``; before it ``'plain'`` for a stacked hourglass, network and losses without anything done for speed;
    and behind it what ``--amp`` and ``--compile`` ask for.
    """
    result = dict(float32=Variant(model))
    if args.amp:
        result['mixed'] = Variant(deepcopy(model), amp=True)
    if args.compile:
        for name, variant in list(result.items()):
            compiled = deepcopy(model)
            compiled.backbone.compile()
            result[f'{name} compiled'] = variant._replace(model=compiled)
    if isinstance(model.backbone, HourglassAAM):
        result = dict(plain=Variant(plain_copy(model)), **result)
    return result


def speedups(times: dict[str, np.ndarray]) -> dict[str, float]:
    """How many times as fast each variant is as the first: the median over the rounds, so that what disturbs a few of
    them, or all variants of a round alike, does not count."""
    first = next(iter(times.values()))
    return {name: float(np.median(first / seconds)) for name, seconds in times.items()}


def made_up_samples(cfg: Config, split: str, num: int) -> list:
    """Random images and landmarks that went through the pipeline of ``{split}_dataloader``; no data set is read.

    Each starts as a 320 x 320 uint8 image whose landmarks are uniform in a box of 200 x 200 pixels around its centre.
    """
    dataset_cfg = cfg[f'{split}_dataloader'].dataset
    # lazy: tells the landmark scheme without opening the annotation file
    dataset = DATASETS.build(dict(deepcopy(dataset_cfg), lazy_init=True, pipeline=[]))
    meta = dataset.metainfo
    pipeline = Compose(dataset_cfg.pipeline)
    rng = np.random.default_rng(0)
    samples = []
    for index in range(num):
        points = rng.uniform(60, 260, (1, meta['num_keypoints'], 2)).astype(np.float32)
        samples.append(
            pipeline(
                dict(
                    img=rng.integers(0, 256, (320, 320, 3), dtype=np.uint8),
                    img_path='',
                    img_id=index,
                    id=index,
                    bbox=np.array([[60, 60, 260, 260]], np.float32),
                    bbox_score=np.ones(1, np.float32),
                    keypoints=points,
                    keypoints_visible=np.ones(points.shape[:2], np.float32),
                    category_id=np.array(1),
                    flip_indices=meta['flip_indices'],
                    flip_pairs=meta['flip_pairs'],
                    dataset_keypoint_weights=meta['dataset_keypoint_weights'],
                    dataset_name=meta['dataset_name'],
                )
            )
        )
    return samples


class Stopwatch:
    """Sums the seconds of named stretches in ``totals`` and keeps each of them in ``laps``."""

    def __init__(self, device: str):
        self.waits_for_gpu = torch.device(device).type == 'cuda'
        self.laps = defaultdict(list)

    @contextmanager
    def __call__(self, name: str):
        start = self._now()
        yield
        self.laps[name].append(self._now() - start)

    @property
    def totals(self) -> dict:
        return {name: sum(laps) for name, laps in self.laps.items()}

    def _now(self) -> float:
        if self.waits_for_gpu:
            torch.cuda.synchronize()
        return time.perf_counter()
