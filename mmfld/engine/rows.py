"""A paper's tables as rows of a yml file, and any config by its name: ``wflw/star_hg4`` or ``star.yml:ROW``.

The file names the ``paper``, its ``venue``, its ``tables`` (title, metrics and perhaps a note) and the ``rows``. A row
is a config and what the cell of the table changes in it:

===================  ==================================================================================================
``name``             after the colon in ``projects/reproduce/star.yml:NAME``
``tables``           the tables or figures in which it stands, and its label in each
``config``           base config, from the root of the repository
``options``          what differs, keys with dots; ``$name`` stands for a variable of the config. Optional
``data``             what is tested, in words
``normalizer``       of its NME: the main ``norm`` of the config's first metric
``paper``, ``ours``  numbers under the metrics' names (``NME/common``); ours by seed, written by ``run.py``. Optional
``trained_as``       the row whose weights are read in another way or on other faces. Optional: else the row is trained
``starts_from``      the row from whose weights the training starts. Optional
``seeds``            how many seeds to train. Optional, 1
===================  ==================================================================================================
"""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.config import Config
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ..evaluation.face_alignment_metric import NORMS, norms_of
from ..repository import REPOSITORY, config_files, find, nearest_names, row_files, shown
from .combine import (
    NEW,
    SAID_ONCE,
    SOMETIMES_SAID,
    check_combined,
    complete,
    fingerprints,
    merge_options,
    pending_options,
)
from .fields import COUNT, TEXT, Field, check_fields, is_mapping, is_number, is_text, nearest
from .options import check_options

METRIC = re.compile(r'(?:(?P<norm>[a-z_]+)/)?(?P<kind>NME|FR|AUC)(?P<clamped>_clamped)?(?:/(?P<subset>\w+))?')


@dataclass(frozen=True, eq=False)
class Row:
    """A row of a table; the module says what its fields are."""

    file: Path
    name: str
    tables: dict[str, str]
    config: str
    data: str
    normalizer: str
    options: dict[str, Any] = field(default_factory=dict)
    paper: dict[str, float] = field(default_factory=dict)
    ours: dict[int, dict[str, float]] = field(default_factory=dict)
    trained_as: str | None = None
    starts_from: str | None = None
    seeds: int = 1

    def __str__(self) -> str:
        return f'{shown(self.file)}:{self.name}'


@dataclass(frozen=True, eq=False)
class Paper:
    """A file of rows."""

    file: Path
    paper: str
    venue: str
    tables: dict[str, dict]
    rows: dict[str, Row]

    def row(self, name: str) -> Row:
        """The row of this name; KeyError that names the near ones."""
        if name not in self.rows:
            raise KeyError(f'{shown(self.file)} has no row {name!r}{nearest(name, self.rows)}')
        return self.rows[name]


def read_rows(path: str | Path) -> Paper:
    """Read and check a file of rows.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a field is missing, unknown or twice, with the file, the row, what was found and expected.
    """
    path = _find(path)
    return _read_rows(path, path.stat().st_mtime_ns)


@cache
def _read_rows(path: Path, _modified: int) -> Paper:
    try:
        content = YAML(typ='safe').load(path.read_text(encoding='utf-8'))
    except YAMLError as error:
        raise ValueError(f'{shown(path)}: found no valid yml, {error}') from error
    check_fields(shown(path), content, PAPER_FIELDS)
    tables = content['tables']
    for table, entry in tables.items():
        check_fields(f'{shown(path)}: table {table}', entry, TABLE_FIELDS, ('note',))
    rows: dict[str, Row] = {}
    for number, entry in enumerate(content['rows']):
        where = f'{shown(path)}: row {entry.get("name", number) if isinstance(entry, dict) else number}'
        check_fields(where, entry, ROW_FIELDS, OPTIONAL)
        row = Row(file=path, **entry)
        if row.name in rows:
            raise ValueError(f'{where}: found this name twice, expected unique names')
        for table in row.tables:
            if table not in tables:
                raise ValueError(f'{where}: found the unknown table {table!r}{nearest(table, tables)}')
        metrics = {metric for table in row.tables for metric in tables[table]['metrics']}
        for metric in row.paper:
            if metric not in metrics:
                raise ValueError(
                    f'{where}: paper: found {metric!r}, which is no metric of its tables{nearest(metric, metrics)}'
                )
        rows[row.name] = row
    for row in rows.values():
        _check_needed(row, rows)
    return Paper(path, content['paper'], content['venue'], tables, rows)


def _check_needed(row: Row, rows: dict[str, Row]) -> None:
    """Raise a ValueError if the rows of ``trained_as`` and ``starts_from`` are not trained, or not before this one."""
    if row.trained_as and row.starts_from:
        raise ValueError(
            f'{row}: found trained_as and starts_from, expected one of them: what is trained_as another '
            'row is not trained itself'
        )
    for key in ('trained_as', 'starts_from'):
        other = getattr(row, key)
        if other is not None and (other not in rows or rows[other].trained_as is not None):
            trained = [name for name in rows if rows[name].trained_as is None]
            raise ValueError(f'{row}: {key} is {other!r}, expected a row that is trained{nearest(other, trained)}')
    before, other = [row.name], row.starts_from
    while other is not None:
        if other in before:
            raise ValueError(f'{row}: starts_from goes round in a circle: {" -> ".join([*before, other])}')
        before.append(other)
        other = rows[other].starts_from if other in rows else None


def read_config(name: str | Path, options: dict[str, Any] | None = None) -> Config:
    """The config of a file, ``configs/wflw/star_hg4.py``, or of a row, ``projects/reproduce/star.yml:table3-l1-wflw``.

    Args:
        name (str | Path): A relative name is looked for in the working directory and in the repository; it may be
            short: ``wflw/star_hg4``, ``star.yml:wflw``, see :func:`mmfld.repository.find`.
        options (dict, optional): Values by keys with dots, as of ``--cfg-options``. What a config combines from parts
            (:mod:`mmfld.engine.combine`) takes them first, so that ``codec.length=64`` reaches encoder and head.

    Raises:
        FileNotFoundError: If there is no such file, or several have the short name.
        KeyError: If the row is unknown, or an option fits nothing in the config; a key that is new begins with ``+``.
        ValueError: If an option is of another kind than what it replaces, the file of rows cannot be used, or a config
            changes what was combined before.
    """
    name, options = str(name), dict(options or {})
    row = find_row(name)
    path = _find(row.config, beside=row.file) if row else _find(name)
    if path.suffix != '.py':
        raise ValueError(
            f'{name}: found a file of rows, expected one of them: {name}:ROW{nearest("", read_rows(path).rows)}'
            if path.suffix in ('.yml', '.yaml')
            else f'{name}: found a {path.suffix or "nameless"} file, expected a config, .py'
        )
    if row:
        plain = check_options(str(row), Config.fromfile(path), row.options)
        check_options(name, plain, options)
        options = {**row.options, **options}
    elif options:
        check_options(name, Config.fromfile(path), options)
    with pending_options(options) as taken_by:
        cfg = Config.fromfile(path)
    check_combined(cfg)
    late = [key for key in options if key.removeprefix(NEW).split('.')[0] in (*SAID_ONCE, *SOMETIMES_SAID)]
    if late and 'combined' in cfg and not taken_by:
        raise ValueError(
            f'{name}: option {late[0]!r} would reach nothing, as this file holds a config that was '
            'combined before: give the option to the config from which it was made'
        )
    # what is said of the combined parts themselves, and of configs that combine nothing
    merge_options(cfg, options)
    if 'combined' in cfg:
        complete(cfg)
        cfg.combined = fingerprints(cfg)
    if row:
        evaluator = cfg.test_evaluator[0] if isinstance(cfg.test_evaluator, (list, tuple)) else cfg.test_evaluator
        norm = norms_of(evaluator.get('norm', 'inter_ocular'))[0]
        if norm != row.normalizer:
            raise ValueError(
                f'{row}: found the normalizer {row.normalizer!r}, expected {norm!r}, the main '
                'norm of the first metric of its config'
            )
        cfg = Config(cfg._cfg_dict, cfg_text=cfg.text, filename=f'{row.name}.py')
    return cfg


def find_config(name: str | Path) -> Path:
    """The file of a config or of rows, as :func:`read_config` looks for it.

    Raises:
        FileNotFoundError: If there is none, and it names near ones; or if several have the short name.
    """
    return _find(name)


def find_row(name: str) -> Row | None:
    """The row of ``FILE.yml:ROW``, or None if the name is not of that form."""
    file, colon, row = name.rpartition(':')
    return read_rows(file).row(row) if colon and file.endswith(('.yml', '.yaml')) else None


def known_names() -> dict[str, str]:
    """Configs and rows of the repository as they are named on a command line, with the words that describe them."""
    names = {shown(path): shown(path) for path in config_files()}
    for path in row_files():
        names.update({str(row): f'{row} {row.config}' for row in read_rows(path).rows.values()})
    return names


def _find(name: str | Path, beside: Path | None = None) -> Path:
    path = find(name, beside)
    if path is None:
        tables = Path(name).suffix in ('.yml', '.yaml')
        near = nearest_names(str(name), {shown(file): shown(file) for file in row_files()} if tables else known_names())
        here = Path.cwd()
        places = f'not found in {here}' if here == REPOSITORY else f'found neither in {here} nor in {REPOSITORY}'
        raise FileNotFoundError(f'{name} {places}; near: {", ".join(near)}')
    return path


def _is_metric(value: Any) -> bool:
    return isinstance(value, str) and METRIC.fullmatch(value) is not None


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_option(value: Any) -> bool:
    return value.split('.')[0] != 'combined' if is_text(value) else False


_is_numbers = is_mapping(_is_metric, is_number)
ROW_NAME: Field = (
    lambda value: isinstance(value, str) and bool(re.fullmatch(r'[\w.+-]+', value) and value.strip('.')),
    'a name of letters, digits, ., +, - and _',
)
PAPER_FIELDS: dict[str, Field] = dict(
    paper=TEXT,
    venue=TEXT,
    tables=(is_mapping(is_text, lambda value: True), 'a mapping of tables'),
    rows=(lambda value: isinstance(value, list) and bool(value), 'a list of rows'),
)
TABLE_FIELDS: dict[str, Field] = dict(
    title=TEXT,
    metrics=(
        lambda value: isinstance(value, list) and bool(value) and all(map(_is_metric, value)),
        'a list of metrics, such as NME, FR/large_pose and box/AUC',
    ),
    note=TEXT,
)
ROW_FIELDS: dict[str, Field] = dict(
    name=ROW_NAME,
    tables=(lambda value: value and is_mapping(is_text, is_text)(value), 'labels by table, such as {Table 5: l1}'),
    config=TEXT,
    data=TEXT,
    normalizer=(lambda value: value in NORMS, f'one of {", ".join(NORMS)}'),
    options=(is_mapping(_is_option, lambda value: True), 'values by keys with dots, of what people write in a config'),
    paper=(_is_numbers, 'numbers by metric, such as {NME: 3.99, FR/blur: 2.33}'),
    ours=(is_mapping(_is_seed, _is_numbers), 'numbers by seed and metric, such as {0: {NME: 3.99}}'),
    trained_as=ROW_NAME,
    starts_from=ROW_NAME,
    seeds=COUNT,
)
OPTIONAL = ('options', 'paper', 'ours', 'trained_as', 'starts_from', 'seeds')
