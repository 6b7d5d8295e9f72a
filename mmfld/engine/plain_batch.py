"""Batches of data loaders as plain data, which ``torch.load(weights_only=True)`` reads, and back."""

from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from mmpose.structures import MultilevelPixelData, PoseDataSample

ELEMENTS = {kind.__name__: kind for kind in (PoseDataSample, InstanceData, PixelData, MultilevelPixelData)}
KIND, ARRAY = '__kind__', '__array__'


def pack(value: Any) -> Any:
    """Data samples, arrays, tensors and any nesting of lists, tuples and dicts as plain data.

    Raises:
        TypeError: For anything else.
    """
    if isinstance(value, BaseDataElement):
        return {
            KIND: type(value).__name__,
            'metainfo': pack(dict(value.metainfo_items())),
            'data': pack(dict(value.items())),
        }
    if isinstance(value, np.ndarray):
        return {ARRAY: torch.from_numpy(np.ascontiguousarray(value))}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: pack(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(pack(item) for item in value) if type(value) in (list, tuple) else [*map(pack, value)]
    if value is None or isinstance(value, (bool, int, float, str, torch.Tensor)):
        return value.detach().cpu() if isinstance(value, torch.Tensor) else value
    raise TypeError(f'found a {type(value).__name__} in a batch, expected data samples, arrays, tensors and numbers')


def unpack(value: Any) -> Any:
    """What was packed."""
    if isinstance(value, dict):
        if ARRAY in value:
            return value[ARRAY].numpy()
        if KIND in value:
            element = ELEMENTS[value[KIND]](metainfo=unpack(value['metainfo']))
            for name, item in value['data'].items():
                setattr(element, name, unpack(item))
            return element
        return {key: unpack(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(unpack(item) for item in value)
    return value
