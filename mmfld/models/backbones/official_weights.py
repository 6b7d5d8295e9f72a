"""What the conversions of official weights share: renaming, recognition, and one error that lists what does not fit."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import mode

from torch import Tensor, nn

Renames = Sequence[tuple[str, str | Callable[[re.Match], str]]]


def rename_keys(state_dict: dict[str, Tensor], renames: Renames) -> dict[str, list[str]]:
    """Official keys by the name that they have here; more than one if several get the same name.

    Args:
        state_dict (dict[str, Tensor]): Official weights.
        renames (Sequence): Pairs of a pattern and its replacement, as ``re.sub`` takes them, applied in this order.

    Raises:
        ValueError: If a key is no string or a value no tensor.
    """
    strange = sorted(
        f'{key!r}: {type(value).__name__}'
        for key, value in state_dict.items()
        if not isinstance(key, str) or not isinstance(value, Tensor)
    )
    if strange:
        raise ValueError(f'expected names with tensors, found {", ".join(strange)}')
    keys: dict[str, list[str]] = {}
    for key in state_dict:
        name = key
        for pattern, replacement in renames:
            name = re.sub(pattern, replacement, name)
        keys.setdefault(name, []).append(key)
    return keys


def count_stacks(weights: Collection[str], parts: Sequence[str]) -> int:
    """Number of stacks that most of the module lists ``parts`` have, so that a wrong key does not change it."""
    return mode(
        len({match[1] for match in map(re.compile(rf'{part}\.(\d+)\.').match, weights) if match}) for part in parts
    )


def count_channels(weights: Mapping[str, Tensor], module: str) -> int | None:
    """Output channels that the convolutions ``module``, one per stack, have most often; None if there are none."""
    found = [
        len(value) for name, value in weights.items() if re.fullmatch(rf'{module}\.\d+\.weight', name) and value.ndim
    ]
    return mode(found) if found else None


def check_weights(
    weights: Mapping[str, Tensor],
    keys: Mapping[str, list[str]],
    network: nn.Module,
    description: str,
    optional: Mapping[str, Tensor] = {},
    ignored: Collection[str] = (),
) -> None:
    """Raise unless the weights are those of a network, with the right shapes, each once, and nothing more.

    Args:
        weights (dict[str, Tensor]): With the names of the network.
        keys (dict[str, list[str]]): What these are officially called, from :func:`rename_keys`.
        network (nn.Module): May be on the meta device.
        description (str): Completes "the weights do not fit ...".
        optional (dict[str, Tensor]): What there may be in addition; only shapes are compared.
        ignored (Collection[str]): Names that there may be in addition, with any shape.

    Raises:
        ValueError: Lists all keys that are unknown, missing, there twice or of the wrong shape.
    """
    required = network.state_dict()
    expected = {name: tuple(value.shape) for name, value in {**required, **optional}.items()}
    problems = {
        'unknown keys': [key for name in keys.keys() - expected.keys() - set(ignored) for key in keys[name]],
        f'missing keys, as {type(network).__name__} names them': required.keys() - keys.keys(),
        'keys of the wrong shape': [
            f'{keys[name][0]}: found {tuple(value.shape)}, expected {expected[name]}'
            for name, value in weights.items()
            if tuple(value.shape) != expected.get(name, tuple(value.shape))
        ],
        'parameters under more than one key': [
            ' and '.join(official) for official in keys.values() if len(official) > 1
        ],
    }
    if any(problems.values()):
        lists = ('\n  '.join([f'{kind} ({len(lines)}):', *sorted(lines)]) for kind, lines in problems.items() if lines)
        raise ValueError('\n'.join([f'the weights do not fit {description}', *lists]))
