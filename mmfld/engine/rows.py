"""A paper's tables as rows of a yml file, and any config by its name: ``configs/wflw/star_hg4.py`` or ``star.yml:ROW``.

The file names the ``paper``, its ``venue``, its ``tables`` (title and metrics of each) and the ``rows``. A row is a config
and what the cell of the table changes in it:

==================  ===================================================================================================
``name``            after the colon in ``projects/reproduce/star.yml:NAME``
``tables``          the tables or figures in which it stands, and its label in each
``config``          base config, from the root of the repository
``options``         what differs, keys with dots; ``$name`` stands for a variable of the config. Optional
``data``            what is tested, in words
``normalizer``      of its NME: the ``norm`` of the config's first metric
``paper``, ``ours`` numbers under the metrics' names (``NME/common``); ours by seed, written by ``run.py``. Optional
``trained_as``      the row whose weights are read in another way or on other faces. Optional: else the row is trained
``starts_from``     the row from whose weights the training starts. Optional
``seeds``           how many seeds to train. Optional, 1
==================  ===================================================================================================
"""
import difflib
import re
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Union

import yaml
from mmengine.config import Config

from .combine import SAID_ONCE, arguments, check_combined, complete, merge_options, pending_options

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, eq=False)
class Row:
    """A row of a table; the module says what its fields are."""
    file: Path
    name: str
    tables: Dict[str, str]
    config: str
    data: str
    normalizer: str
    options: Dict[str, Any] = field(default_factory=dict)
    paper: Dict[str, float] = field(default_factory=dict)
    ours: Dict[int, Dict[str, float]] = field(default_factory=dict)
    trained_as: Optional[str] = None
    starts_from: Optional[str] = None
    seeds: int = 1

    def __str__(self) -> str:
        return f'{shown(self.file)}:{self.name}'


@dataclass(frozen=True, eq=False)
class Paper:
    """A file of rows."""
    file: Path
    paper: str
    venue: str
    tables: Dict[str, dict]
    rows: Dict[str, Row]

    def row(self, name: str) -> Row:
        """The row of this name; KeyError that names the near ones."""
        if name not in self.rows:
            raise KeyError(f'{shown(self.file)} has no row {name!r}{nearest(name, self.rows)}')
        return self.rows[name]


def nearest(word: str, words: Iterable[str]) -> str:
    """``'; near: a, b'`` of the words that look like one that is unknown, or nothing."""
    words = list(words)
    near = difflib.get_close_matches(word, words, n=5, cutoff=0.5)
    near += [other for other in words if word.lower() in other.lower() and other not in near][:5]
    return f'; near: {", ".join(near)}' if near else f'; there are: {", ".join(words[:12])}' if words else ''


def shown(path: Path) -> str:
    """A path from the root of the repository, where it lies in it."""
    return path.relative_to(REPOSITORY).as_posix() if path.is_relative_to(REPOSITORY) else str(path)


def read_rows(path: Union[str, Path]) -> Paper:
    """Read and check a file of rows.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a field is missing, unknown or twice, with the file, the row, what was found and expected.
    """
    path = _find(path)
    return _read_rows(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=None)
def _read_rows(path: Path, _modified: int) -> Paper:
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except yaml.YAMLError as error:
        raise ValueError(f'{shown(path)}: found no valid yml, {error}') from error
    _check_keys(f'{shown(path)}', content, {'paper', 'venue', 'tables', 'rows'}, {'paper', 'venue', 'tables', 'rows'})
    known = {entry.name for entry in fields(Row)} - {'file'}
    rows = {}
    for number, entry in enumerate(content['rows']):
        where = f'{shown(path)}: row {entry.get("name", number) if isinstance(entry, dict) else number}'
        _check_keys(where, entry, known, {'name', 'tables', 'config', 'data', 'normalizer'})
        row = Row(file=path, **entry)
        if row.name in rows:
            raise ValueError(f'{where}: found this name twice, expected unique names')
        for table in row.tables:
            if table not in content['tables']:
                raise ValueError(f'{where}: found the unknown table {table!r}{nearest(table, content["tables"])}')
        rows[row.name] = row
    for row in rows.values():
        for key in ('trained_as', 'starts_from'):
            other = getattr(row, key)
            if other is not None and (other not in rows or rows[other].trained_as is not None):
                raise ValueError(f'{row}: {key} is {other!r}, expected a row that is trained'
                                 f'{nearest(other, [name for name in rows if rows[name].trained_as is None])}')
    return Paper(path, content['paper'], content['venue'], content['tables'], rows)


def read_config(name: Union[str, Path], options: Optional[Dict[str, Any]] = None) -> Config:
    """The config of a file, ``configs/wflw/star_hg4.py``, or of a row, ``projects/reproduce/star.yml:table3-l1-wflw``.

    Args:
        name (str | Path): A relative name is looked for in the working directory and in the repository.
        options (dict, optional): Values by keys with dots, as of ``--cfg-options``. What a config combines from parts
            (:mod:`mmfld.engine.combine`) takes them first, so that ``codec.length=64`` reaches encoder and head.

    Raises:
        FileNotFoundError: If there is no such file.
        KeyError: If the row is unknown, or an option of the row fits nothing in the config.
        ValueError: If the file of rows cannot be used, or a config changes what was combined before.
    """
    name, options = str(name), dict(options or {})
    row = find_row(name)
    path = _find(row.config if row else name)
    if row:
        check_options(str(row), Config.fromfile(path), row.options)
        options = {**row.options, **options}
    with pending_options(options) as taken_by:
        cfg = Config.fromfile(path)
    check_combined(cfg)
    late = [key for key in options if key.split('.')[0] in (*SAID_ONCE, 'randomness')]
    if late and 'combined' in cfg and not taken_by:
        raise ValueError(f'{name}: option {late[0]!r} would reach nothing, as this file holds a config that was combined '
                         'before: give the option to the config from which it was made')
    # what is said of the combined parts themselves, and of configs that combine nothing
    merge_options(cfg, options)
    if 'combined' in cfg:
        complete(cfg)
    if row:
        cfg = Config(cfg._cfg_dict, cfg_text=cfg.text, filename=f'{row.name}.py')
    return cfg


def find_row(name: str) -> Optional[Row]:
    """The row of ``FILE.yml:ROW``, or None if the name is not of that form."""
    file, colon, row = name.rpartition(':')
    return read_rows(file).row(row) if colon and file.endswith(('.yml', '.yaml')) else None


def check_options(where: str, cfg: Config, options: Dict[str, Any]) -> None:
    """Raise a KeyError for an option that fits nothing in a config: a parent that is not there, or a component that has
    no such argument; the near names are named."""
    for key in options:
        parts, place = key.split('.'), cfg._cfg_dict
        for number, part in enumerate(parts):
            if isinstance(place, (list, tuple)):
                known = [str(index) for index in range(len(place))]
            else:
                known = sorted({*place, *arguments(place.get('type'))} - {'self'})
            last = number == len(parts) - 1
            open_ended = isinstance(place, dict) and not arguments(place.get('type')) and number > 0
            if part not in known and not (last and open_ended):
                # None of the config's own: a data set, or a wrapper's settings, are found when they are built
                raise KeyError(f'{where}: option {key!r}: found nothing named {part!r} there{nearest(part, known)}')
            if not last:
                place = place[int(part)] if isinstance(place, (list, tuple)) else place.get(part)
                if not isinstance(place, (dict, list, tuple)):
                    raise KeyError(f'{where}: option {key!r}: {".".join(parts[:number + 1])} is {place!r}, expected a '
                                   'part of the config with settings')


def row_files() -> List[Path]:
    """All files of rows in the repository, those of the papers and of the studies."""
    return sorted(path for path in REPOSITORY.glob('projects/*/*.yml') if path.name != 'data.yml')


def known_names() -> Dict[str, str]:
    """Configs and rows of the repository as they are named on a command line, with the words that describe them."""
    names = {shown(path): shown(path) for path in sorted((REPOSITORY / 'configs').glob('[!_]*/*.py'))}
    for path in row_files():
        names.update({str(row): f'{row} {row.config}' for row in read_rows(path).rows.values()})
    return names


def _find(name: Union[str, Path]) -> Path:
    path = Path(name)
    for candidate in (path, REPOSITORY / path):
        if candidate.is_file():
            return candidate.resolve()
    # cells of tables were once configs with long names, so by words and not by letters
    wanted, names = _words(str(name)), known_names()
    near = sorted(names, key=lambda other: -len(wanted & _words(names[other])) / len(wanted | _words(names[other])))
    raise FileNotFoundError(f'{name} found neither in {Path.cwd()} nor in {REPOSITORY}; near: {", ".join(near[:5])}')


def _words(text: str) -> set:
    return set(re.split(r'[^a-z0-9.]+', text.lower().replace('.py', ' ').replace('.yml', ' ')))


def _check_keys(where: str, found: Any, known: set, needed: set) -> None:
    if not isinstance(found, dict):
        raise ValueError(f'{where}: found {found!r}, expected fields {", ".join(sorted(known))}')
    for key in found:
        if key not in known:
            raise ValueError(f'{where}: found the unknown field {key!r}{nearest(str(key), known)}')
    for key in sorted(needed - found.keys()):
        raise ValueError(f'{where}: found no field {key!r}, expected one')
