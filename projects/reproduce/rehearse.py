"""Rehearses configs and rows on a few rendered faces: train, validate, save, resume, test, and one picture."""

import csv
import json
import math
import multiprocessing
import resource
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zlib import crc32

import torch
from mmengine import Config
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from rendered import render, rendered_data

from mmfld.apis import FaceLandmarkInferencer
from mmfld.engine.complexity import complexity
from mmfld.engine.launch import adapt_to_cpu, latest_checkpoint
from mmfld.engine.rows import REPOSITORY, read_config, read_rows, row_files, shown
from mmfld.engine.strict_runner import StrictRunner

COLUMNS = ('name', 'parameters', 'gmacs', 'step_seconds', 'peak_mib', 'checkpoint_mib', 'ok')
BATCH = 2
ITERATIONS = 2
LIMITS = {
    'train_dataloader.batch_size': BATCH,
    'val_dataloader.batch_size': BATCH,
    'test_dataloader.batch_size': BATCH,
    **{
        f'{part}_dataloader.{key}': value
        for part in ('train', 'val', 'test')
        for key, value in (('num_workers', 0), ('persistent_workers', False))
    },
    'train_cfg.max_epochs': 1,
    'train_cfg.val_interval': 1,
    'load_from': None,
    'log_level': 'WARNING',
    'default_hooks.checkpoint.interval': 1,
}


class StepTimer(Hook):
    """Seconds of training steps, without loading data."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.start = time.perf_counter()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.seconds.append(time.perf_counter() - self.start)
        if not all(torch.isfinite(torch.as_tensor(value)).all() for value in (outputs or {}).values()):
            raise FloatingPointError(f'training step {runner.iter}: found the losses {outputs}, expected finite ones')


def all_names() -> list[str]:
    """Every row, those of the studies as well, and the configs that are no row's."""
    rows = [row for path in row_files() for row in read_rows(path).rows.values()]
    listed = {row.config for row in rows if not row.options}
    files = [shown(path) for path in sorted((REPOSITORY / 'configs').glob('[!_]*/*.py'))]
    return [str(row) for row in rows] + [path for path in files if path not in listed]


def rehearse_all(names: Sequence[str], folder: Path, workers: int, table: Path) -> bool:
    """Rehearse each name in a process of its own, and write the table; returns whether all passed.

    What passed before, with the same config, is taken from ``folder``.

    Args:
        names (Sequence[str]): Configs, and rows as ``FILE.yml:ROW``.
        folder (Path): For the rendered faces, and for what each rehearsal leaves.
        workers (int): Rehearsals at a time, among which the CPU threads are shared out.
        table (Path): The csv.
    """
    faces = folder / 'faces'
    render(faces, train=24, test=4, image_size=256)
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['rehearse'])
    lines: dict[str, dict] = {}

    def one(name: str) -> None:
        result = folder / f'{name.replace("/", "_").replace(":", "_")}.json'
        if not _passed(result, name):
            process = context.Process(target=_child, args=(name, faces, result.with_suffix(''), result, workers))
            process.start()
            process.join()
            if process.exitcode:
                result.write_text(json.dumps(dict(name=name, ok=f'process ended with status {process.exitcode}')))
        lines[name] = found = json.loads(result.read_text())
        print(f'[{len(lines)}/{len(names)}] {name}: {found["ok"]}', flush=True)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, names))
    with open(table, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction='ignore', lineterminator='\n')
        writer.writeheader()
        writer.writerows(lines[name] for name in names)
    failed = [name for name in names if lines[name]['ok'] != 'ok']
    print(f'{len(names) - len(failed)} of {len(names)} passed; {table}')
    for name in failed:
        print(f'failed: {name}: {lines[name]["ok"]}')
    return not failed


def _passed(result: Path, name: str) -> bool:
    """Whether a config or row has passed as it is."""
    if not result.is_file():
        return False
    found = json.loads(result.read_text())
    try:
        return found['ok'] == 'ok' and found['config'] == _fingerprint(name)
    except Exception:  # a config that cannot be read says so in its rehearsal
        return False


def _fingerprint(name: str) -> int:
    return crc32(read_config(name).pretty_text.encode())


def rehearse(name: str, faces: Path, folder: Path) -> dict:
    """Rehearse one config or row; the numbers of the table."""
    folder.mkdir(parents=True, exist_ok=True)
    cfg = read_config(name)
    # a config may have no validation
    limits = {key: value for key, value in LIMITS.items() if cfg.get(key.split('.')[0], 0) is not None}
    cfg = read_config(name, {**limits, **rendered_data(cfg, faces, clip_length=2, indices=BATCH * ITERATIONS)})
    cfg.work_dir = str(folder)
    cfg.launcher = 'none'
    adapt_to_cpu(cfg)
    init_default_scope(cfg.default_scope)
    count = complexity(MODELS.build(cfg.model), cfg.codec.input_size)

    timer = StepTimer()
    _runner(cfg, 1, timer).train()
    cfg.resume = True
    runner = _runner(cfg, 2, timer)
    runner.train()
    # more than ITERATIONS where several data sets are put together
    steps = 2 * len(runner.train_dataloader)
    if runner.epoch != 2 or len(timer.seconds) != steps or steps < 2 * ITERATIONS:
        raise RuntimeError(
            f'resumed training ended at epoch {runner.epoch} after {len(timer.seconds)} steps in all, '
            f'expected 2 and {max(steps, 2 * ITERATIONS)}'
        )
    checkpoint = latest_checkpoint(folder)
    size = checkpoint.stat().st_size
    metrics = _runner(_with(cfg, resume=False, load_from=str(checkpoint)), 2).test()
    if not math.isfinite(metrics.get('NME', math.nan)):
        raise FloatingPointError(f'testing: found NME {metrics.get("NME")}, expected a finite one')
    _picture(name, cfg, checkpoint, faces, folder)
    for path in folder.glob('*.pth'):  # a hundred of them fill a disk
        path.unlink()
    return dict(
        name=name,
        config=_fingerprint(name),
        parameters=count.parameters,
        gmacs=round(count.multiply_adds / 1e9, 3),
        step_seconds=round(sorted(timer.seconds)[len(timer.seconds) // 2], 2),
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        checkpoint_mib=round(size / 2**20, 1),
        ok='ok',
    )


def _runner(cfg: Config, epochs: int, *hooks: Hook) -> StrictRunner:
    runner = StrictRunner.from_cfg(_with(cfg, train_cfg=dict(cfg.train_cfg, max_epochs=epochs)))
    for hook in hooks:
        runner.register_hook(hook)
    return runner


def _with(cfg: Config, **changes) -> Config:
    return Config(dict(cfg.to_dict(), **changes), filename=cfg.filename, cfg_text=cfg.text)


def _picture(name: str, cfg: Config, checkpoint: Path, faces: Path, folder: Path) -> None:
    """Landmarks drawn by the inferencer, from the config by its name and the checkpoint."""
    image = next((faces / 'images').glob('test_*.jpg'))
    inferencer = FaceLandmarkInferencer(
        name if ':' in name else str(REPOSITORY / name), checkpoint, device='cpu', detector='whole_image'
    )
    (face,) = next(inferencer(str(image), vis_out_dir=folder))['predictions'][0]
    expected = inferencer.model.dataset_meta['num_keypoints']
    if len(face['keypoints']) != expected or not (folder / image.name).is_file():
        raise RuntimeError(f'inference: found {len(face["keypoints"])} landmarks, expected {expected} and {image.name}')


def _child(name: str, faces: Path, folder: Path, result: Path, workers: int) -> None:
    torch.set_num_threads(max(1, (torch.get_num_threads() + workers - 1) // workers))
    result.unlink(missing_ok=True)
    try:
        found = rehearse(name, faces, folder)
    except Exception as error:  # listed, and the others go on
        (folder / 'error.log').write_text(traceback.format_exc())
        found = dict(name=name, ok=f'{type(error).__name__}: {error}'.splitlines()[0][:300])
    result.write_text(json.dumps(found))
