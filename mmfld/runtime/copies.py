"""Copies of objects that hold what a user gave them, such as a detector, which may be none that can be copied."""

import copy
import pickle
from typing import Any, TypeVar

Owner = TypeVar('Owner')


def deep_copy(owner: Owner, memo: dict) -> Owner:
    """What ``__deepcopy__`` returns.

    Raises:
        TypeError: If an attribute cannot be copied; it says which.
    """
    copied = memo[id(owner)] = type(owner).__new__(type(owner))
    for name, value in vars(owner).items():
        try:
            vars(copied)[name] = copy.deepcopy(value, memo)
        except Exception as error:  # objects raise what they like
            raise TypeError(
                f'a {type(owner).__name__} cannot be copied with this {name.lstrip("_")} ({error}): give one that '
                'copy.deepcopy copies, or make another'
            ) from None
    return copied


def pickled_state(owner: Any) -> dict[str, Any]:
    """What ``__getstate__`` returns.

    Raises:
        TypeError: If an attribute cannot be pickled, as lambdas and functions within functions; it says which.
    """
    for name, value in vars(owner).items():
        try:
            pickle.dumps(value)
        except Exception as error:
            raise TypeError(
                f'a {type(owner).__name__} cannot be pickled with this {name.lstrip("_")} ({error}): give a function '
                'that a module defines by its name, or an object of such a class, and no lambda or function within '
                'a function; or make one in each process'
            ) from None
    return vars(owner)
