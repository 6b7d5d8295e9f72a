"""All that the doctor looks at, one after the other."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

from .finding import ERROR, Finding, error, note
from .machine import look_at_clock, look_at_gpu, look_at_shared_memory, look_at_threads
from .packages import look_at_packages

PACKAGE = Path(__file__).resolve().parents[1]


def examine(
    config: str | None = None,
    files: Sequence[str] = (),
    options: Sequence[str] = (),
    work_dir: str | None = None,
    processes: int | None = None,
    step: bool = True,
) -> Iterator[Finding]:
    """Look at the environment and, if there is a config or an annotation file, at the data.

    Args:
        config (str, optional): As ``mmfld train`` takes it. Defaults to None: only the environment.
        files (Sequence[str]): Annotation files, looked at beside those of the config. The images of the first data set
            are looked for in the others.
        options (Sequence[str]): Of ``--cfg-options``, ``KEY=VALUE``.
        work_dir (str, optional): Where the training would write. Defaults to where ``mmfld train`` does.
        processes (int, optional): That train together. Defaults to the environment's ``WORLD_SIZE``, or 1.
        step (bool): Whether a training step is taken. Defaults to True.

    Yields:
        Finding: As soon as it is known.
    """
    processes = processes or int(os.environ.get('WORLD_SIZE') or 1)
    broken = []
    for finding in look_at_packages():
        broken += [finding] if finding.severity == ERROR else []
        yield finding
    yield from look_at_gpu()
    if config is None:
        yield from look_at_threads(processes, 0, False)
        yield from look_at_shared_memory()
        yield from look_at_clock([PACKAGE / '__init__.py'])
    if not (config or files):
        return
    if 'mmfld.datasets' not in sys.modules:
        reason = broken[0] if broken else error('packages', 'OpenMMLab does not import')
        yield error('data', f'config and data were not looked at, as {reason.message}', reason.advice)
        return
    from mmengine.logging import MMLogger

    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('ERROR')  # what data sets log is a finding here
    try:
        yield from _examine_data(config, files, options, work_dir, processes, step)
    finally:
        logger.setLevel(level)


def _examine_data(
    config: str | None, files: Sequence[str], options: Sequence[str], work_dir: str | None, processes: int, step: bool
) -> Iterator[Finding]:
    from mmengine.registry import init_default_scope

    from .coco_fields import look_at_coco_fields
    from .crop_findings import look_at_crops, look_at_norms
    from .duplicates import look_for_duplicates
    from .faces import look_at_faces
    from .parts import Part, parts_of, parts_of_files
    from .picture_cache import PictureCache
    from .pictures import look_at_pictures
    from .placement import look_at_placement
    from .registration import look_at_registration
    from .shapes import look_at_shapes
    from .step import look_at_step

    cfg = _load(config, options, work_dir) if config else None
    init_default_scope('mmpose' if cfg is None else cfg.get('default_scope', 'mmpose'))
    parts: list[Part] = [*(parts_of(cfg) if cfg is not None else ()), *parts_of_files(files)]
    if cfg is not None:
        yield from _examine_training(cfg, parts, processes)
    pictures, broken = {}, set()
    with closing(PictureCache()) as cache:
        for finding in chain(
            *map(look_at_faces, parts), *map(look_at_coco_fields, parts), look_at_pictures(parts, cache, pictures)
        ):
            broken.update([finding.topic] if finding.severity == ERROR else [])
            yield finding
    if parts:
        yield from look_for_duplicates(parts, pictures)
    for part in parts:
        if part.layout is not None and len(part.dataset):
            yield from look_at_shapes(part.name, *part.points())
            yield from look_at_placement(part, pictures.__contains__)
        if part.name == parts[0].name:
            yield from look_at_registration(part, pictures.__contains__)
    if cfg is not None:
        for part in parts:
            yield from look_at_norms(cfg, part)
            yield from look_at_crops(cfg, part)
    if cfg is not None and step:
        if 'train' in broken:
            yield note('step', 'not taken, as the training data have errors')
        else:
            yield from look_at_step(cfg, sum(len(part.dataset) for part in parts if part.name == 'train'), processes)


def _load(config: str, options: Sequence[str], work_dir: str | None):
    from ..engine.launch import load_config
    from ..launch_arguments import argument_parser

    for option in options:
        if '=' not in option:
            raise ValueError(f'--cfg-options: found {option!r}, expected KEY=VALUE')
    parser = argument_parser('')
    parser.prog, parser.usage = 'mmfld doctor', argparse.SUPPRESS
    arguments = [config]
    arguments += ['--work-dir', work_dir] if work_dir else []
    arguments += ['--cfg-options', *options] if options else []
    return load_config(parser, parser.parse_args(arguments))


def _examine_training(cfg, parts: Sequence, processes: int) -> Iterator[Finding]:
    from mmengine.device import get_device

    from .training import look_at_batches, look_at_checkpoints, look_at_training

    workers = [
        loader.get('num_workers', 0) for name in ('train', 'val', 'test') if (loader := cfg.get(f'{name}_dataloader'))
    ]
    yield from look_at_threads(processes, max(workers, default=0), get_device() != 'cpu')
    folder = Path(cfg.work_dir)
    yield from look_at_clock([PACKAGE / '__init__.py', *(part.ann_file for part in parts), *folder.glob('*.pth')])
    if cfg.get('train_dataloader'):
        yield from look_at_training(cfg, parts, processes)
        yield from look_at_checkpoints(cfg)
        yield from look_at_batches(cfg, next((part for part in parts if part.name == 'train'), None), processes)
