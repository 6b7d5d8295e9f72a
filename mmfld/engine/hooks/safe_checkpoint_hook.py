"""Checkpoints of which one that reads is there at every moment."""

import logging
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ..whole_files import write_whole

INTERRUPTED = 'interrupted.pth'  # of a training that was stopped between two of its checkpoints


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """MMEngine's hook, which survives to be killed at any point, a full disk, and weights that are no numbers.

    * A checkpoint is written beside its place, read back, and renamed (:mod:`mmfld.engine.whole_files`), and so is
      ``last_checkpoint``, which names it. Only then older ones are removed.
    * A checkpoint whose weights are not finite is not saved, and ends the training.
    * A training that is stopped between two checkpoints is saved as ``interrupted.pth``, until the next one.
    * Nothing outside of the own folder is removed: a training that goes on from a checkpoint of another folder knows of
      the best one there, and leaves it alone. In a folder that was copied or moved it is that of the copy.

    Args:
        **kwargs: Of MMEngine's CheckpointHook. ``backend_args`` are for files that are not local.

    Raises:
        FloatingPointError: While training, instead of saving weights that are infinite or NaN.
    """

    def __init__(self, backend_args: dict | None = None, **kwargs: Any) -> None:
        super().__init__(backend_args=backend_args or dict(backend='whole_local'), **kwargs)

    def before_train(self, runner: Runner) -> None:
        """Take over what a resumed training knows of the best checkpoints, if they are in this folder."""
        super().before_train(runner)
        for name, path in self._best().items():
            here = Path(self.out_dir) / Path(path or '').name
            self._set_best(name, str(here) if path and here.is_file() else None)

    def has_saved(self, epoch: int) -> bool:
        """Whether the last checkpoint that was written is that of the end of an epoch, counted from 1."""
        last = self.last_saved()
        return last is not None and last.name == self.filename_tmpl.format(epoch) and last.is_file()

    def last_saved(self) -> Path | None:
        """The last checkpoint that was written, but for the best ones."""
        return Path(self.last_ckpt) if self.last_ckpt else None

    def save_interrupted(self, runner: Runner, meta: dict[str, int]) -> Path:
        """Write a checkpoint between two others, which ``last_checkpoint`` names, and return it.

        Args:
            meta (dict): ``epoch`` and ``iter``, those that are complete, and what else is to be known of the moment.
        """
        self._require_finite(runner)
        runner.save_checkpoint(self.out_dir, INTERRUPTED, meta=meta, backend_args=self.backend_args)
        path = Path(self.out_dir) / INTERRUPTED
        if is_main_process():
            write_whole(str(path).encode(), Path(runner.work_dir) / 'last_checkpoint')
        return path

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        self._require_finite(runner)
        outdated = []
        if self.max_keep_ckpts > 0 and (not self.keep_ckpt_ids or self.keep_ckpt_ids[-1] != step):
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                outdated.append(self.keep_ckpt_ids.popleft())
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if not is_main_process():
            return
        write_whole(str(self.last_ckpt).encode(), Path(runner.work_dir) / 'last_checkpoint')
        for old in (INTERRUPTED, *map(self.filename_tmpl.format, outdated)):
            self._remove(self.file_backend.join_path(self.out_dir, old))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        self._require_finite(runner)
        for name in self.key_indicators if self.save_best and self.key_indicators != ['auto'] else ():
            if name not in metrics:
                raise ValueError(
                    f'default_hooks.checkpoint.save_best: found {name!r}, expected one of {", ".join(sorted(metrics))}'
                )
        before = self._best()
        for name in before:
            self._set_best(name, None)  # else it is removed before the new one is there
        super()._save_best_checkpoint(runner, metrics)
        for name, path in before.items():
            new = self._best()[name]
            if new is None:
                self._set_best(name, path)
            elif path not in (None, new) and is_main_process():
                self._remove(path)
                runner.logger.info(f'The previous best checkpoint {path} is removed')

    def _best(self) -> dict[str | None, str | None]:
        """Paths of the best checkpoints, by their metric if there are several."""
        if not self.save_best:
            return {}
        if len(self.key_indicators) == 1:
            return {None: self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    def _set_best(self, name: str | None, path: str | None) -> None:
        if name is None:
            self.best_ckpt_path = path
        else:
            self.best_ckpt_path_dict[name] = path

    def _remove(self, path: str) -> None:
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):  # those of deepspeed
            self.file_backend.rmtree(path)

    def _require_finite(self, runner: Runner) -> None:
        broken = _not_finite(runner.model)
        if not broken:
            return
        kept = f'the last checkpoint is {self.last_ckpt}' if self.last_ckpt else 'there is no checkpoint'
        message = (
            f'after epoch {runner.epoch}, iteration {runner.iter}: {len(broken)} weights are infinite or NaN '
            f'({", ".join(broken[:3])}{", ..." if len(broken) > 3 else ""}); they are not saved, {kept}'
        )
        print_log(message, logger='current', level=logging.ERROR)
        raise FloatingPointError(message)


@torch.no_grad()
def _not_finite(model: torch.nn.Module) -> list[str]:
    """Names of tensors of the state with values that are infinite or NaN."""
    named = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    finite = torch.stack([value.isfinite().all() for value in named.values()]).tolist() if named else []
    return [name for name, ok in zip(named, finite) if not ok]
