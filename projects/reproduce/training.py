"""Carries out one run: trains it or goes on with it, tests it, and writes its result down."""

import fcntl
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from mmengine import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from plan import Run, keeps_batch, leaves

from mmfld.engine.checkpoint import read_checkpoint, weights_in
from mmfld.engine.launch import latest_checkpoint
from mmfld.engine.rows import REPOSITORY, read_config

TOOLS = REPOSITORY / 'tools'
ERROR = re.compile(r'^(\w+\.)*\w*(Error|Exception|Interrupt|Killed)\b.*|^\S+\.py: error: .*')
RANK = re.compile(r'^\[rank\d+\]: ')
EPOCH = re.compile(r'Epoch\(val\) \[(\d+)\].*?\bNME: (\S+)')


class RunFailed(Exception):
    """Training or testing failed; the message says at what, and names the log."""


@dataclass(frozen=True)
class Launcher:
    """How processes are started: ``gpus`` on this machine, or by Slurm on a partition."""

    gpus: int = 1
    slurm: str | None = None

    def command(self, what: str, config: Path, name: str, *args: str, checkpoint: Path | None = None) -> list[str]:
        """Of ``tools/dist_{train,test}.sh`` or ``tools/slurm_{train,test}.sh``."""
        files = [str(config), *([str(checkpoint)] if checkpoint else [])]
        if self.slurm:
            # slurm_train.sh takes the work folder by its place
            place = [str(config.with_suffix(''))] if what == 'train' else []
            return ['bash', str(TOOLS / f'slurm_{what}.sh'), self.slurm, name, *files, *place, *args]
        return ['bash', str(TOOLS / f'dist_{what}.sh'), *files, str(self.gpus), *args]

    def environment(self) -> dict[str, str]:
        more = dict(PYTHON=sys.executable, PYTHONWARNINGS='ignore', PORT=os.environ.get('PORT') or _free_port())
        if self.slurm:
            more.update(GPUS=str(self.gpus), GPUS_PER_NODE=os.environ.get('GPUS_PER_NODE') or str(min(self.gpus, 8)))
        return {**os.environ, **more}


def run_config(run: Run, options: dict[str, Any]) -> Config:
    """The config of a run. Where another run's weights are needed, it says which training they are of.

    Args:
        run (Run): The run; what it needs has been carried out.
        options (dict): On top of the row's, for the data for example.
    """
    cfg = read_config(str(run.row), {**options, 'randomness.seed': run.seed})
    if run.weights:
        # the same config trained once more gives other weights, with another result
        begun = json.dumps(_comparable(Config.fromfile(run.weights.config)), sort_keys=True)
        cfg.weights_of = dict(
            row=run.weights.row.name, config=crc32(begun.encode()), result=crc32(run.weights.result.read_bytes())
        )
    return cfg


def carry_out(run: Run, options: dict[str, Any], launcher: Launcher) -> dict[str, float]:
    """Train and test a run, or what is left to do of it.

    Args:
        run (Run): The run; what it needs has been carried out.
        options (dict): On top of the row's, for the data for example.
        launcher (Launcher): How processes are started.

    Returns:
        dict: The metrics of the test, which ``run.result`` holds as well.

    Raises:
        RunFailed: If a process fails, the run was begun with another config, or weights do not fit.
    """
    cfg = run_config(run, options)
    if run.result.is_file() or (run.folder / 'last_checkpoint').is_file():
        changed = differences(run, cfg)
        if changed:
            raise RunFailed(
                f'{run.folder} was begun with another config, which differs in {", ".join(changed[:5])}: '
                'choose another --work-dir or remove that folder'
            )
    if run.result.is_file():
        return _result(run)
    run.folder.mkdir(parents=True, exist_ok=True)
    cfg.dump(run.config)
    if run.row.trained_as:
        checkpoint = best_checkpoint(run.weights.folder)
    else:
        checkpoint = _train(run, cfg, launcher)
    part = run.result.with_suffix('.part.json')
    _start(run, 'test', launcher, '--work-dir', str(run.folder), '--out', str(part), checkpoint=checkpoint)
    part.replace(run.result)  # so that what is there is whole
    return _result(run)


def _result(run: Run) -> dict[str, float]:
    metrics = json.loads(run.result.read_text(encoding='utf-8'))
    if 'NME' not in metrics:
        raise RunFailed(f'{run.result} has no NME: remove it to test once more')
    return metrics


def best_checkpoint(folder: Path) -> Path:
    """The best of a training that is complete, or the last where none was selected.

    Raises:
        RunFailed: If there is none.
    """
    best = sorted(folder.glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
    checkpoint = best[-1] if best else latest_checkpoint(folder)
    if checkpoint is None:
        raise RunFailed(f'{folder} has no checkpoint: remove the folder to train once more')
    return checkpoint


def _train(run: Run, cfg: Config, launcher: Launcher) -> Path:
    last = latest_checkpoint(run.folder)
    if not last or last.name != f'epoch_{cfg.train_cfg.max_epochs}.pth':
        args = ['--work-dir', str(run.folder)] if not launcher.slurm else []
        if keeps_batch(cfg, launcher.gpus):
            args.append('--accumulate')
        if last:
            args.append('--resume')
        elif run.weights:
            start = best_checkpoint(run.weights.folder)
            check_fit(cfg, start)
            args += ['--cfg-options', f'load_from={start}']
        _start(run, 'train', launcher, *args)
        if not (run.folder / f'epoch_{cfg.train_cfg.max_epochs}.pth').is_file():
            raise RunFailed(
                f'the training was stopped before its end ({run.folder / "train.log"}): the same command goes on'
            )
    return best_checkpoint(run.folder)


def check_fit(cfg: Config, checkpoint: Path) -> None:
    """Raise a RunFailed if a model has no place for one of the weights from which its training should start; it may
    have more, which begin untrained."""
    init_default_scope(cfg.default_scope)
    own = MODELS.build(cfg.model).state_dict()
    try:
        given = weights_in(read_checkpoint(checkpoint))
    except ValueError as error:
        raise RunFailed(str(error)) from error
    wrong = [name for name, value in given.items() if name not in own or own[name].shape != value.shape]
    if wrong:
        name = wrong[0]
        found = f'{name} {tuple(given[name].shape)}'
        expected = f'{name} {tuple(own[name].shape)}' if name in own else 'no such weight'
        raise RunFailed(
            f'{checkpoint} does not fit: found {found}, expected {expected}, and so on for {len(wrong)} of '
            f'{len(given)} weights'
        )


def differences(run: Run, cfg: Config) -> list[str]:
    """Keys in which the config that a run was begun with differs from another one, but for where the data lie.

    What the check of the data finds counts where it was found at the beginning: weights of data that were complete then
    are good.
    """
    if not run.config.is_file():
        return [f'{run.config.name}, which is gone']
    begun = Config.fromfile(run.config)
    if not begun.get('data_findings'):
        cfg = Config({key: value for key, value in cfg.to_dict().items() if key != 'data_findings'})
    return _differences(_comparable(begun), _comparable(cfg))


def _comparable(cfg: Config) -> dict:
    """A config as json has it, but for the data root of the command line."""
    content = json.loads(json.dumps(cfg.to_dict()))
    root = content.pop('data_root', None)
    for part in ('train', 'val', 'test'):
        for dataset in (*leaves(content[f'{part}_dataset']), *leaves(content[f'{part}_dataloader']['dataset'])):
            folder = Path(dataset['data_root'])
            dataset['data_root'] = str(folder.relative_to(root) if root and folder.is_relative_to(root) else folder)
    content.pop('combined')
    return content


def _differences(one: Any, other: Any, where: str = '') -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            found
            for key in one.keys() | other.keys()
            for found in _differences(one.get(key), other.get(key), f'{where}.{key}' if where else key)
        ]
    return [] if one == other else [where]


def _start(run: Run, what: str, launcher: Launcher, *args: str, checkpoint: Path | None = None) -> None:
    """Start one of the tools, with its output in a log and each epoch's error on the screen."""
    command = launcher.command(what, run.config, run.row.name, *args, checkpoint=checkpoint)
    log = run.folder / f'{what}.log'
    lines = []
    with open(log, 'a', encoding='utf-8') as file, _held(run.folder) as lock:
        file.write(f'$ {" ".join(command)}\n')
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            env=launcher.environment(),
            cwd=REPOSITORY,
            pass_fds=[lock],
        )
        for line in process.stdout:
            file.write(line)
            file.flush()
            lines = [*lines[-300:], line.rstrip()]
            epoch = EPOCH.search(line)
            if epoch:
                print(f'    epoch {epoch[1]}: NME {float(epoch[2]):.3f}', flush=True)
        status = process.wait()
    if status:
        raise RunFailed(f'{what}ing ended with status {status}: {last_error(lines)} ({log})')


def last_error(lines: list[str]) -> str:
    """The last line of a log that names an error; of a launcher's report about its processes, the first cause."""
    lines = [RANK.sub('', line.strip()) for line in lines]
    errors = [line for line in lines if ERROR.match(line)]
    own = [line for line in errors if 'ChildFailedError' not in line]
    return (own or errors or [line for line in lines if line] or ['no output'])[-1]


@contextmanager
def _held(folder: Path) -> Iterator[int]:
    """Hold a run's folder; processes that get the file descriptor go on holding it if this one is killed."""
    with open(folder / 'lock', 'w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunFailed(
                f'{folder} is in use by another process, perhaps left over from a run that was killed: '
                'let it end, or end it'
            ) from error
        yield file.fileno()


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])
