"""Pages that follow from other files of the repository, written into ``docs/_written`` before each build.

* ``tables_PAPER.md``: the papers' tables beside ours, from ``projects/reproduce/tables.md``, which
  ``projects/reproduce/write_tables.py`` writes from the rows and a test holds to be up to date.
* ``api/PACKAGE.rst``: the modules of each package of ``mmfld``.
"""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TABLES = REPOSITORY / 'projects' / 'reproduce' / 'tables.md'
# words of a paper's title -> its page
PAPERS = {'without Soft-Argmax': 'structured', 'STAR Loss': 'star', 'Subpixel': 'subpixel', 'Attentive': 'attentive'}

INTRODUCTION = """Everything that ``import mmfld`` registers, and what it stands on, from the docstrings. What
users call first: :class:`~mmfld.runtime.landmarker.FaceLandmarker`, :class:`~mmfld.runtime.tracker.FaceTracker`,
:class:`~mmfld.apis.face_landmark_inferencer.FaceLandmarkInferencer`,
:class:`~mmfld.structures.face_layout.FaceLayout`."""


def pages() -> dict[str, str]:
    """Name of a page in ``docs/_written`` -> its text."""
    return {**tables(), **api()}


def tables() -> dict[str, str]:
    """The tables of each paper.

    Raises:
        ValueError: If a paper's tables are not where they are looked for.
    """
    parts = TABLES.read_text(encoding='utf-8').split('\n## ')[1:]
    found = {}
    for words, paper in PAPERS.items():
        chosen = [part for part in parts if words in part.partition('\n')[0]]
        if len(chosen) != 1:
            raise ValueError(f'{TABLES}: found {len(chosen)} headings with {words!r}, expected 1')
        found[f'tables_{paper}.md'] = chosen[0].partition('\n')[2].lstrip()
    return found


def api() -> dict[str, str]:
    """A page for each package, with its modules and those of the packages in it."""
    packages = sorted(path.parent for path in (REPOSITORY / 'mmfld').glob('*/__init__.py'))
    found = {f'api/{package.name}.rst': _package(package) for package in packages}
    modules = 'compat', 'old_names'
    contents = '\n'.join(f'   {name}' for name in (*(package.name for package in packages), *modules))
    found['api/index.rst'] = f'{_heading("API", "=")}\n{INTRODUCTION}\n\n.. toctree::\n   :maxdepth: 1\n\n{contents}\n'
    for module in modules:
        found[f'api/{module}.rst'] = _heading(f'mmfld.{module}', '=') + _module(f'mmfld.{module}')
    return found


def _package(package: Path) -> str:
    """What the package says of itself, then each module."""
    name = f'mmfld.{package.name}'
    text = [_heading(name, '='), f'\n.. automodule:: {name}\n']
    for path in sorted(package.rglob('*.py')):
        parts = path.relative_to(REPOSITORY).with_suffix('').parts
        if path.name != '__init__.py':
            text += [_heading('.'.join(parts[2:]), '-'), _module('.'.join(parts))]
        elif path.parent != package:
            text += [_heading('.'.join(parts[2:-1]), '-'), f'\n.. automodule:: {".".join(parts[:-1])}\n']
    return '\n'.join(text)


def _heading(text: str, line: str) -> str:
    return f'{text}\n{line * len(text)}\n'


def _module(name: str) -> str:
    return f'\n.. automodule:: {name}\n   :members:\n   :show-inheritance:\n'


def write(app) -> None:
    folder = Path(app.srcdir) / '_written'
    wanted = pages()
    for name, text in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding='utf-8') != text:  # an unchanged page is not built again
            path.write_text(text, encoding='utf-8')
    for path in folder.rglob('*.*'):
        if path.relative_to(folder).as_posix() not in wanted:
            path.unlink()


def setup(app) -> dict:
    app.connect('builder-inited', write)
    return dict(parallel_read_safe=True, parallel_write_safe=True)
