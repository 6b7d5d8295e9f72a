"""The config that a checkpoint carries, read as data.

MMEngine stores it as text of Python and reads it by running that, so that a checkpoint of unknown origin, whose tensors
load safely, could run anything.
"""

import ast
from typing import Any

from mmengine.config import Config

NUMBERS = {'inf': float('inf'), 'nan': float('nan')}  # as their repr is written


def config_of(checkpoint: dict[str, Any]) -> Config | None:
    """The config of the training that wrote a checkpoint, or None if it carries none.

    Raises:
        ValueError: See :func:`parse_config`.
    """
    text = (checkpoint.get('meta') or {}).get('cfg')
    return parse_config(text) if text else None


def parse_config(text: str) -> Config:
    """Read the text that MMEngine's ``Config.pretty_text`` writes: names, each with constants, or dicts, lists, tuples
    and sets of them.

    Raises:
        ValueError: If there is anything else in it, with its line.
    """
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        raise ValueError(f'the config in the checkpoint is no Python: {error}') from error
    content = {}
    for statement in statements:
        if not (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
        ):
            raise _problem(statement)
        content[statement.targets[0].id] = _value(statement.value)
    return Config(content)


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and node.id in NUMBERS:
        return NUMBERS[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand)
        if isinstance(value, (int, float)):
            return -value
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
        return kind(_value(one) for one in node.elts)
    if isinstance(node, ast.Dict):
        keys = [key for key in node.keys if key is not None]  # None stands for **
        if len(keys) == len(node.values):
            return {_value(key): _value(value) for key, value in zip(keys, node.values)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        # keys that are no names stand in a dict of their own: dict({'a.b': 1})
        content: dict[Any, Any] = {}
        parts: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        for part in parts:
            value = _value(part.value if isinstance(part, ast.keyword) else part)
            named = {part.arg: value} if isinstance(part, ast.keyword) and part.arg else value
            if not isinstance(named, dict):
                raise _problem(node)
            content.update(named)
        return content
    raise _problem(node)


def _problem(node: ast.expr | ast.stmt) -> ValueError:
    return ValueError(
        f'the config in the checkpoint: line {node.lineno}: found {ast.unparse(node)[:80]!r}, expected a '
        'name with constants, as MMEngine writes it'
    )
