"""Scripts import mmfld before those parts of MMPose that need what it puts in place."""

import ast
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(path for folder in ('tools', 'projects') for path in (REPOSITORY / folder).rglob('*.py'))
SIBLINGS = {path.stem: path for path in SCRIPTS}
HARMLESS = 'mmpose.registry'  # imports no operator


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Modules in the order of their import at the top of a file, those in other scripts included."""
    names = []
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [node.module or '']
        else:
            continue
        for name in found:
            names += imported(SIBLINGS[name]) if name in SIBLINGS else [name]
    return tuple(names)


@pytest.mark.parametrize('path', SCRIPTS, ids=[path.relative_to(REPOSITORY).as_posix() for path in SCRIPTS])
def test_mmfld_comes_before_mmpose(path):
    for name in imported(path):
        if name.split('.')[0] == 'mmfld':
            break
        assert name.split('.')[0] not in ('mmpose', 'mmdet') or name == HARMLESS, name
