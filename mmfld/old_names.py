"""What arguments of components were called before: configs of users, and those inside of checkpoints, still say so.

=====================================  ===============================================================================
before                                 today
=====================================  ===============================================================================
``use_aam``, ``with_maps``, ``fuse``   ``attention_maps``, of backbone, codec and head
``tau``, ``epsilon``                   ``temperature`` T of softmax(F / T): 1 / tau, and epsilon
``target_key``                         ``target``
``loss_regularization``,               further entries of ``loss_landmark``
``loss_window``
=====================================  ===============================================================================

``StructuredHeatmapHead``, ``STARHead`` and ``SubpixelHeatmapHead`` are :class:`StackedHeatmapHead` with the defaults of
their papers. Where a component is given both names, the old one counts: such a config is one of a user on top of one of
ours, which has the new one.
"""

import copy
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any

from mmpose.registry import KEYPOINT_CODECS, MODELS

Renamed = dict[str, tuple[str, Callable[[Any], Any]]]


def _same(value: Any) -> Any:
    return value


def _inverse(tau: float | None) -> float | None:
    return tau if tau is None else 1 / tau if tau else float('inf')


def _is_fused(fuse: str) -> bool:
    if fuse not in ('mul', 'none'):
        raise ValueError(f"fuse must be 'mul' or 'none', got {fuse!r}")
    return fuse == 'mul'


_TAU: Renamed = dict(tau=('temperature', _inverse))
_EPSILON: Renamed = dict(epsilon=('temperature', _same))
_MAPS: Renamed = dict(with_maps=('attention_maps', _same))
_HEAD: Renamed = dict(fuse=('attention_maps', _is_fused), target_key=('target', _same))
# what heads by their old names have where nothing is said
OLD_HEADS: dict[str, dict[str, Any]] = dict(
    StructuredHeatmapHead=dict(
        target='keypoint_samples', loss_landmark=dict(type='StructuredHeatmapLoss', loss_weight=5000.0)
    ),
    STARHead=dict(target='keypoint_labels', loss_landmark=dict(type='STARLoss')),
    SubpixelHeatmapHead=dict(
        target='heatmaps',
        loss_landmark=dict(type='KeypointMSELoss', use_target_weight=True),
        loss_point=None,
        loss_edge=None,
        stack_weights=(1.0, 1.0),
    ),
)
# what each further loss of a head compares with; None: what the first one does
_FURTHER_LOSSES = dict(loss_regularization=None, loss_window='keypoint_labels')

# component -> old argument -> today's and how its value comes from the old one
RENAMED: dict[str, Renamed] = dict(
    HourglassAAM=dict(use_aam=('attention_maps', _same)),
    StackedHeatmapHead=_HEAD,
    **dict.fromkeys(OLD_HEADS, _HEAD),
    HeatmapCodec=_TAU,
    BoundaryAwareHeatmap={**_TAU, **_MAPS},
    ImageAwareSmoothing={**_EPSILON, **_MAPS},
    ContinuousHeatmap=_TAU,
    MarginalHeatmap=_TAU,
    StructuredHeatmapLoss=_EPSILON,
    SoftArgmaxLoss=_TAU,
    LocalSoftArgmaxLoss=_TAU,
    DistributionRegularization=_TAU,
)


def old_arguments(component: str | None) -> set[str]:
    """What a component's arguments were called before."""
    renamed = RENAMED.get(component, {})
    return renamed.keys() | (_FURTHER_LOSSES.keys() if renamed is _HEAD else set())


def todays(component: Mapping[str, Any]) -> dict[str, Any]:
    """A component's config with today's names.

    >>> todays(dict(type='HourglassAAM', use_aam=False))
    {'type': 'HourglassAAM', 'attention_maps': False}
    """
    renamed = RENAMED.get(component.get('type'), {})
    found = {name: value for name, value in component.items() if name not in renamed}
    if component.get('type') in OLD_HEADS:
        defaults = copy.deepcopy(OLD_HEADS[component['type']])
        # a target is not one of these heads' arguments: it comes from a base of ours, for another head
        found = {**defaults, **found, 'type': 'StackedHeatmapHead', 'target': defaults['target']}
    found.update({new: convert(component[old]) for old, (new, convert) in renamed.items() if old in component})
    if renamed is _HEAD and {'loss_landmark', 'target'} <= found.keys():
        for name, target in _FURTHER_LOSSES.items():
            _append_loss(found, found.pop(name, None), target)
    return found


def _append_loss(head: dict[str, Any], loss: Mapping[str, Any] | None, target: str | None) -> None:
    """Make a loss the last of a head's landmark losses."""
    if loss is None:
        return
    losses, targets = (
        list(head[name]) if isinstance(head[name], (list, tuple)) else [head[name]]
        for name in ('loss_landmark', 'target')
    )
    if target is not None or len(targets) > 1:
        targets = [*(targets if len(targets) > 1 else targets * len(losses)), target or targets[0]]
        head['target'] = targets
    head['loss_landmark'] = [*losses, loss]


@cache
def accept_old_names() -> None:
    """Let the components of :data:`RENAMED` take arguments by their old names as well."""
    from .codecs.heatmap_codec import HeatmapCodec

    known = {**MODELS.module_dict, **KEYPOINT_CODECS.module_dict, 'HeatmapCodec': HeatmapCodec}
    for name in RENAMED.keys() - OLD_HEADS.keys():
        known[name].__init__ = _with_old_names(name, known[name].__init__)


def _with_old_names(name: str, init: Callable) -> Callable:
    @wraps(init)
    def __init__(self, *args, **kwargs):
        arguments = todays({**kwargs, 'type': name})
        del arguments['type']
        init(self, *args, **arguments)

    return __init__
