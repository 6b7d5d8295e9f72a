"""The README names tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAMED = re.findall(r'`([\w/]+\.py)::(\w+)`', (FOLDER / 'README.md').read_text(encoding='utf-8'))


@cache
def names_in(path: Path) -> set:
    content = ast.parse(path.read_text(encoding='utf-8')).body if path.is_file() else []
    return {node.name for node in content if isinstance(node, ast.FunctionDef) and node.name.startswith('test_')}


def test_every_test_that_it_names_exists():
    assert NAMED
    assert [f'{file}::{test}' for file, test in NAMED if test not in names_in(FOLDER.parent / file)] == []
