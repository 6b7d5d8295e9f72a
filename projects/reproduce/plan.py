"""Which runs a paper's tables need, what they cost, and where they are kept."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmengine import Config

from mmfld.doctor.official import load_data
from mmfld.engine.fields import nearest
from mmfld.engine.rows import Paper, Row, read_config, read_rows

PROJECT = Path(__file__).resolve().parent
PAPERS = ('structured', 'star', 'subpixel', 'attentive1d')
# What a GPU does in an hour, in billions of multiply-adds of forward passes: the structured paper trains 200 epochs of
# WFLW's 7,500 faces with 17.35 G in about 10 hours on 4 A6000.
GPU_HOUR = 200 * 7500 * 17.35 / (4 * 10)


class UnknownName(ValueError):
    """A paper, table or row that there is not; the message names the near ones."""


@dataclass(frozen=True)
class Run:
    """A row with one seed. ``folder`` holds its checkpoints and logs; the config and the result lie beside it.

    ``weights`` is the run whose weights are tested (``trained_as``) or from which the training starts
    (``starts_from``)."""

    row: Row
    seed: int
    folder: Path
    weights: 'Run | None' = None

    @property
    def config(self) -> Path:
        return self.folder.with_suffix('.py')

    @property
    def result(self) -> Path:
        return self.folder.with_suffix('.json')

    def __str__(self) -> str:
        return f'{self.row.file.stem} {self.row.name}, seed {self.seed}'


def read_papers(name: str) -> list[Paper]:
    """The papers of ``structured``, ``all`` or the path of a file of rows."""
    if name == 'all':
        return [read_rows(PROJECT / f'{paper}.yml') for paper in PAPERS]
    if name in PAPERS:
        return [read_rows(PROJECT / f'{name}.yml')]
    if name.endswith(('.yml', '.yaml')):
        return [read_rows(name)]
    raise UnknownName(f'unknown paper {name!r}{nearest(name, (*PAPERS, "all"))}')


def select(papers: Sequence[Paper], only: Sequence[str] = ()) -> dict[str, list[Row]]:
    """Rows by the name of their paper's file: all of them, or those of tables and rows that ``only`` names, with the
    paper before a colon where several have one of that name (``star:wflw``)."""
    known = {
        name for paper in papers for own in (*paper.tables, *paper.rows) for name in (own, f'{paper.file.stem}:{own}')
    }
    for name in only:
        if name not in known:
            raise UnknownName(
                f'no table or row {name!r} in {", ".join(paper.file.name for paper in papers)}{nearest(name, known)}'
            )
    return {paper.file.stem: [row for row in paper.rows.values() if not only or _named(row, only)] for paper in papers}


def _named(row: Row, only: Sequence[str]) -> bool:
    return any(name in only for own in (row.name, *row.tables) for name in (own, f'{row.file.stem}:{own}'))


def make_runs(paper: Paper, rows: Iterable[Row], seeds: int | None, work_dir: Path) -> list[Run]:
    """Runs of the rows and of those that they need, which come first."""
    wanted: dict[str, Row] = {}

    def want(row: Row) -> None:
        for needed in (row.trained_as, row.starts_from):
            if needed:
                want(paper.row(needed))
        wanted.setdefault(row.name, row)

    for row in rows:
        want(row)
    # a row that another one needs has at least as many seeds
    count = {name: seeds or row.seeds for name, row in wanted.items()}
    for row in reversed(list(wanted.values())):
        for needed in filter(None, (row.trained_as, row.starts_from)):
            count[needed] = max(count[needed], count[row.name])
    return [make_run(paper, row, seed, work_dir) for row in wanted.values() for seed in range(count[row.name])]


def make_run(paper: Paper, row: Row, seed: int, work_dir: Path) -> Run:
    needed = row.trained_as or row.starts_from
    weights = make_run(paper, paper.row(needed), seed, work_dir) if needed else None
    return Run(row, seed, work_dir / row.file.stem / row.name / f'seed-{seed}', weights)


def annotation_files(cfg: Config) -> Iterator[str]:
    """Annotation files of a config's three parts, from the data root (``wflw/annotations/...json``), or with the whole
    path where the config's data lie elsewhere."""
    for part in ('train', 'val', 'test'):
        for dataset in leaves(cfg[f'{part}_dataset']):
            folder = below_data(dataset.data_root)
            yield str((Path(dataset.data_root).absolute() if folder is None else folder) / dataset.ann_file)


def below_data(folder: str) -> Path | None:
    """``wflw`` of ``data/wflw/``, which --data-root stands for; None of any other place."""
    path = Path(folder)
    return path.relative_to('data') if path.is_relative_to('data') else None


def leaves(dataset: dict) -> Iterator[dict]:
    """The data sets of a wrapper, or the data set itself."""
    wrapped = dataset.get('datasets') or ([dataset['dataset']] if 'dataset' in dataset else [])
    for one in wrapped:
        yield from leaves(one)
    if not wrapped:
        yield dataset


def gpus_of(cfg: Config) -> int:
    """Processes among which a step of the config is shared out, by the batch that it is for."""
    batch = cfg.train_dataloader.batch_size
    return max(1, cfg.get('auto_scale_lr', {}).get('base_batch_size', batch) // batch)


def keeps_batch(cfg: Config, gpus: int) -> bool:
    """Whether fewer GPUs take the steps of a config by accumulating gradients. Else tools/train.py scales what depends
    on the batch, where it is another one."""
    return gpus < gpus_of(cfg) and gpus_of(cfg) % gpus == 0


@cache
def row_config(name: str) -> Config:
    """The config of a row or a file, to be read only."""
    return read_config(name)


@dataclass(frozen=True)
class Cost:
    """GPU hours and GiB of checkpoints of a run; None where nothing was measured."""

    gpu_hours: float | None
    disk: float | None


def cost(row: Row) -> Cost:
    """Of one seed, from the rehearsal's table (``rehearsal.csv``) and the official numbers of faces."""
    if row.trained_as:
        return Cost(0.0, 0.0)
    cfg = row_config(str(row))
    measured = rehearsal().get(str(row), {})
    if not measured.get('gmacs'):
        return Cost(None, None)
    faces = [official_faces().get(f'{Path(one.data_root).name}/{one.ann_file}') for one in leaves(cfg.train_dataset)]
    views = 2 if any(step['type'] == 'SiameseViews' for step in cfg.train_pipeline) else 1
    # the last two checkpoints, and the best one
    disk = 3 * float(measured['checkpoint_mib']) / 1024
    if None in faces:
        return Cost(None, disk)
    return Cost(cfg.train_cfg.max_epochs * sum(faces) * views * float(measured['gmacs']) / GPU_HOUR, disk)


@cache
def rehearsal() -> dict[str, dict]:
    """The rehearsal's table by row or config."""
    path = PROJECT / 'rehearsal.csv'
    if not path.is_file():
        return {}
    with open(path, newline='', encoding='utf-8') as file:
        return {line['name']: line for line in csv.DictReader(file)}


@cache
def official_faces() -> dict[str, int]:
    """Number of faces by annotation file."""
    return {name: official.faces for name, official in load_data().items() if official.faces}
