"""Parameters and multiply-adds of a model."""

import logging
from typing import Any, NamedTuple

import torch
import torch.nn as nn
from mmengine.analysis import FlopAnalyzer, parameter_count
from torch.utils._pytree import tree_leaves

PRODUCTS = ('conv', 'linear', 'matmul', 'addmm', 'mm', 'bmm', 'einsum')


class Complexity(NamedTuple):
    """What a model costs for one image."""

    parameters: int
    multiply_adds: int  # convolutions, linear layers and matrix products, one per multiplication with its addition
    others: dict[str, int]  # operators that are counted apart
    analyzer: FlopAnalyzer


def complexity(model: nn.Module, input_size: tuple[int, int]) -> Complexity:
    """Count a pose estimator's parameters and the multiply-adds of its forward pass for one image.

    Args:
        model (nn.Module): As MMPose builds it; set to evaluation.
        input_size (tuple): (W, H) in pixels.
    """
    model = model.eval()
    forward: Any = model._forward
    # the tracer takes tensors only, whatever structure the head returns
    model.forward = lambda inputs: tuple(x for x in tree_leaves(forward(inputs)) if torch.is_tensor(x))
    # it warns about operators without a count, which the caller can list
    logging.getLogger('mmengine.analysis.jit_analysis').setLevel(logging.ERROR)
    try:
        analyzer = FlopAnalyzer(model, (torch.zeros(1, 3, input_size[1], input_size[0]),))
        with torch.no_grad():
            counts = analyzer.by_operator()
    finally:
        del model.forward  # the class's own again
    return Complexity(
        parameters=parameter_count(model)[''],
        multiply_adds=sum(count for name, count in counts.items() if name in PRODUCTS),
        others={name: count for name, count in counts.items() if name not in PRODUCTS and count},
        analyzer=analyzer,
    )
