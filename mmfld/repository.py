"""Where configs, tables and tools are, in a checkout or in what a wheel holds of it, and their short names.

``wflw/star_hg4`` stands for ``configs/wflw/star_hg4.py``, ``star_hg2_mini`` for the only config of that name, and
``star.yml`` for ``projects/reproduce/star.yml``.
"""

import re
from difflib import SequenceMatcher
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
REPOSITORY = PACKAGE / '.mim' if (PACKAGE / '.mim').is_dir() else PACKAGE.parent


def shown(path: Path) -> str:
    """A path from the root of the repository, where it lies in it."""
    return path.relative_to(REPOSITORY).as_posix() if path.is_relative_to(REPOSITORY) else str(path)


def runnable(name: str) -> str:
    """A tool of the repository, ``tools/misc/browse_dataset.py``, as a command in the working directory names it."""
    return name if Path(name).resolve() == REPOSITORY / name else str(REPOSITORY / name)


def config_files() -> list[Path]:
    """All configs that are no bases of others alone."""
    return sorted((REPOSITORY / 'configs').glob('[!_]*/*.py'))


def row_files() -> list[Path]:
    """All files of rows, those of the papers and of the studies."""
    return sorted(REPOSITORY.glob('projects/*/*.yml'))


def find(name: str | Path, beside: Path | None = None) -> Path | None:
    """A file by its path, from a folder, the working directory or the repository, or by its short name.

    Args:
        name (str | Path): A path, or the end of one: without ``.py`` if one likes, and without folders that it does not
            take to tell it from the others.
        beside (Path, optional): A file in whose folder a relative path is looked for first.

    Returns:
        Path | None: Absolute; None if there is no such file.

    Raises:
        FileNotFoundError: If several files have this short name.
    """
    path = Path(name)
    for candidate in (*([beside.parent / path] if beside else []), path, REPOSITORY / path):
        if candidate.is_file():
            return candidate.resolve()
    files = row_files() if path.suffix in ('.yml', '.yaml') else config_files()
    ends = (path.parts, (*path.parts[:-1], f'{path.name}.py'))
    found = [file for file in files if path.name and any(file.parts[-len(end) :] == end for end in ends)]
    if len(found) > 1:
        raise FileNotFoundError(f'{name} stands for {", ".join(map(shown, found))}: expected one of them')
    return found[0] if found else None


def nearest_names(name: str, names: dict[str, str], most: int = 5) -> list[str]:
    """Of names, each with the words that describe it, those that are most like another one, the nearest first."""
    # cells of tables were once configs with long names, so by words, and only then by letters
    wanted = _words(name)

    def likeness(other: str) -> tuple[float, float]:
        words = _words(names[other])
        return len(wanted & words) / len(wanted | words), SequenceMatcher(None, name, names[other]).ratio()

    return sorted(names, key=likeness, reverse=True)[:most]


def _words(text: str) -> set[str]:
    return set(re.split(r'[^a-z0-9.]+', text.lower().replace('.py', ' ').replace('.yml', ' ')))
