"""How a config becomes whole: what its data set and its method say apart is put together, each fact from one place.

A config names a data set and a method, and ends with this module's :func:`combine`::

    _base_ = ['../_base_/datasets/wflw.py', '../_base_/methods/structured.py']
    from mmfld.engine.combine import combine
    combine(globals())

``docs/concepts/sample.md`` says what is said once (:data:`INGREDIENTS`) and whom it reaches. A component that says
another value itself is an error: it would be lost.

The result is a plain MMEngine config: ``Config.fromfile`` and everything built on it read it as any other. Options that
arrive from outside, of a row of a table or ``--cfg-options``, are set before the parts are put together
(:func:`pending_options`), so that ``codec.mode=none`` reaches encoder and decoder.
"""

import copy
import inspect
import json
from collections.abc import Iterator, KeysView, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple
from zlib import crc32

from mmengine.config import Config, ConfigDict
from mmpose.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    KEYPOINT_CODECS,
    LOG_PROCESSORS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TRANSFORMS,
    VISUALIZERS,
)

from ..old_names import todays
from .fields import nearest, shortened

REGISTRIES = (
    MODELS,
    KEYPOINT_CODECS,
    DATASETS,
    METRICS,
    TRANSFORMS,
    HOOKS,
    LOOPS,
    OPTIMIZERS,
    OPTIM_WRAPPERS,
    PARAM_SCHEDULERS,
    DATA_SAMPLERS,
    LOG_PROCESSORS,
    VISUALIZERS,
)
PARTS = ('train', 'val', 'test')
# a method or a data set need not say these
SOMETIMES_SAID = ('crop', 'clamped', 'keypoint_offset', 'randomness')
SAID_ONCE = ('layout', 'codec', 'train_pipeline', 'test_pipeline', *(f'{part}_dataset' for part in PARTS))
# what is put together, and from what
COMBINED = {'model.head.decoder': 'codec', **{f'{part}_dataloader.dataset': f'{part}_dataset' for part in PARTS}}
NEW = '+'  # before the key of an option that the config does not have
ENDING = 'end the file with "from mmfld.engine.combine import combine" and "combine(globals())"'
INGREDIENTS = (*SAID_ONCE, 'model', *(f'{part}_dataloader' for part in PARTS), 'val_evaluator', 'test_evaluator')


class _Pending(NamedTuple):
    options: dict[str, Any]
    taken_by: list[str]  # layouts of the configs that took them


_pending: ContextVar[_Pending | None] = ContextVar('pending', default=None)


@contextmanager
def pending_options(options: dict[str, Any]) -> Iterator[list[str]]:
    """Configs that are read inside take these options, keys with dots, before their parts are put together.

    A value ``'$name'`` stands for the config's own variable of that name, e.g. ``train_pipeline='$single_pipeline'``.
    Gives the list of the layouts of configs that took them: empty if nothing was combined.
    """
    pending = _Pending(options, [])
    token = _pending.set(pending)
    try:
        yield pending.taken_by
    finally:
        _pending.reset(token)


def combine(namespace: MutableMapping[str, Any]) -> None:
    """Put the parts of a config together; the last line of a config file.

    Args:
        namespace (dict): ``globals()`` of the config file. The combined parts are added to it.

    Raises:
        KeyError: If neither the file nor its bases define one of :data:`INGREDIENTS`.
        ValueError: If something says itself what is put together here, which would be lost.
    """
    base = copy.deepcopy(namespace['_base_'])
    file = inspect.stack(0)[1].filename  # the config's: MMEngine gives it no __file__
    rename(base)
    _separate(base)
    own = {
        key: value
        for key, value in namespace.items()
        if key != '_base_' and not key.startswith('__') and not inspect.isroutine(value) and not inspect.ismodule(value)
    }
    # copied one by one: a dict under two names would lose its _delete_ under the first
    own = {key: copy.deepcopy(value) for key, value in own.items()}
    _check_own(own, namespace['_base_'], file)
    cfg = Config(Config._merge_a_into_b(own, copy.deepcopy(base)))
    pending = _pending.get()
    if pending:
        merge_options(cfg, pending.options)
    rename(cfg._cfg_dict)
    missing = [name for name in INGREDIENTS if cfg.get(name) is None]
    if missing:
        raise KeyError(f'{file}: a config needs {", ".join(missing)}: from its own file, its data set or its method')
    if pending:
        pending.taken_by.append(cfg.layout)
    try:
        combined = _combined(cfg)
    except ValueError as error:
        raise ValueError(f'{file}: {error}') from error
    for key, value in combined.items():
        # instead of what the bases say, not merged into it
        namespace[key] = dict(value, _delete_=True) if isinstance(value, dict) and key in base else value


def merge_options(cfg: Config, options: dict[str, Any]) -> None:
    """Set options, keys with dots and perhaps :data:`NEW` before them, in a config, with references such as
    ``'$single_pipeline'`` resolved.

    One after the other, so that an option can go into what one before it has set.
    """
    for key, value in options.items():
        if isinstance(value, str) and value.startswith('$'):
            if value[1:] not in cfg:
                raise KeyError(f'option {key}: the config has no variable {value[1:]!r}{nearest(value[1:], cfg)}')
            value = cfg[value[1:]]
        cfg.merge_from_dict({key.removeprefix(NEW): copy.deepcopy(value)})


def fill(cfg: Any, shared: dict[str, Any], strict: bool = True) -> None:
    """Give values to every component in ``cfg`` that takes an argument of their name.

    Args:
        cfg: Config of a component, or dicts and lists of them; changed in place.
        shared (dict): Values by argument.
        strict (bool): Whether a component that has another value is an error; if not, it keeps it.

    Raises:
        ValueError: If ``strict`` and a component has another value.
    """
    for component in _components(cfg):
        said = todays(component)
        for name in _taken(component['type'], shared):
            if strict and name in said and _as_json(said[name]) != _as_json(shared[name]):
                raise ValueError(
                    f'found {name}={shortened(_plain(said[name]))} in {component["type"]}, expected '
                    f'{shortened(_plain(shared[name]))}, which the config says once for all, or nothing'
                )
            if name not in said:
                component[name] = copy.deepcopy(shared[name])


def _taken(kind: str, shared: dict[str, Any]) -> set[str]:
    """Which of the shared values a component takes. Attention maps are drawn by codecs for networks that have them; a
    head may leave them alone."""
    taken = arguments(kind) & shared.keys()
    return taken if _is_codec(kind) else taken - {'attention_maps'}


def rename(cfg: dict) -> None:
    """Give all components in a config, and their arguments, today's names."""
    for component in list(_components(cfg)):
        renamed = todays(component)
        if renamed != component:
            component.clear()
            component.update(renamed)


def _components(cfg: Any) -> Iterator[dict]:
    """All dicts with a ``type`` in dicts and lists."""
    if isinstance(cfg, dict) and isinstance(cfg.get('type'), str):
        yield cfg
    if isinstance(cfg, (dict, list, tuple)):
        for value in list(cfg.values()) if isinstance(cfg, dict) else cfg:
            yield from _components(value)


def _separate(base: ConfigDict) -> None:
    """Take out of a base that was combined itself what components got there, as it may be said differently now."""
    if 'combined' not in base:
        return
    shared = _shared_values(base)
    for name in ('model', 'codec', 'val_evaluator', 'test_evaluator'):
        for component in _components(base[name]):
            for argument in _taken(component['type'], shared):
                # the codec's own are where they are said
                if component is not base.codec or argument in ('layout', 'attention_maps'):
                    component.pop(argument, None)


def complete(cfg: Config) -> None:
    """Give components that came into a combined config afterwards, by options, what they lack."""
    for name in ('model', 'val_evaluator', 'test_evaluator'):
        fill(cfg.get(name), _shared_values(cfg), strict=False)
    cfg.model.head.setdefault('decoder', copy.deepcopy(cfg.codec))


def check_combined(cfg: Config) -> None:
    """Raise a ValueError if a config with a data set and a method does not combine them, or if a part of it was changed
    after they were put together, which has no effect."""
    if 'combined' not in cfg:
        if all(name in cfg for name in INGREDIENTS):
            raise ValueError(f'{cfg.filename}: found the parts of a config, not combined: {ENDING}')
        return
    changed = [name for name, value in fingerprints(cfg).items() if cfg.combined.get(name) != value]
    if changed:
        raise ValueError(
            f'{cfg.filename}: {", ".join(changed)} changed after the parts of the config were combined, '
            f'which reaches nothing: {ENDING}'
        )


def _check_own(own: dict[str, Any], base: ConfigDict, file: str) -> None:
    """Raise a ValueError for what a config file says itself of parts that are put together from others."""
    for place, source in COMBINED.items():
        value = _at(own, place)
        if value is not None and value != _at(base, place):
            raise ValueError(f'{file}: found {place}, which is put together from {source}: say it there')


def _shared_values(cfg: Config) -> dict[str, Any]:
    """What every component gets that takes it."""
    shared = dict(layout=cfg.layout)
    shared.update({name: cfg.codec[name] for name in ('input_size', 'length') if name in cfg.codec})
    if 'clamped' in cfg:
        shared['clamped'] = cfg.clamped
    backbone = todays(cfg.model.backbone)
    if 'attention_maps' in arguments(backbone['type']):
        shared['attention_maps'] = backbone.get('attention_maps', default(backbone['type'], 'attention_maps'))
    return shared


def fingerprints(cfg: Config) -> dict[str, int]:
    """A short number for each part that is said once."""
    parts = {name: cfg[name] for name in (*SAID_ONCE, *SOMETIMES_SAID) if name in cfg and name != 'randomness'}
    parts['randomness.seed'] = cfg.get('randomness', {}).get('seed')
    return {name: crc32(_as_json(value).encode()) for name, value in parts.items()}


def _at(cfg: Any, place: str) -> Any:
    for name in place.split('.'):
        cfg = (cfg or {}).get(name)
    return cfg


def _combined(cfg: Config) -> dict:
    shared = _shared_values(cfg)
    codec, crop = copy.deepcopy(cfg.codec), cfg.get('crop', {})
    unknown = crop.keys() - arguments('GetFaceCrop')
    if unknown:
        known = ', '.join(sorted(arguments('GetFaceCrop') - {'self'}))
        raise ValueError(f'found {unknown.pop()!r} in crop, expected arguments of GetFaceCrop: {known}')
    fill(codec, shared)
    combined = dict(model=copy.deepcopy(cfg.model))
    combined['model'].head.decoder = copy.deepcopy(codec)
    fill(combined['model'], shared)
    for part in PARTS:
        pipeline = copy.deepcopy(cfg.train_pipeline if part == 'train' else cfg.test_pipeline)
        for step in pipeline:
            if step['type'] == 'GenerateTarget':
                if _as_json(step.get('encoder', codec)) != _as_json(codec):
                    raise ValueError(
                        f'found encoder={shortened(_plain(step["encoder"]))} in GenerateTarget, expected '
                        'nothing there: codec says it once for all'
                    )
                step['encoder'] = copy.deepcopy(codec)
            elif step['type'] == 'GetFaceCrop':
                fill(step, crop)
        fill(pipeline, shared)
        more = dict(seed=cfg.get('randomness', {}).get('seed')) if part == 'train' else dict(test_mode=True)
        if 'keypoint_offset' in cfg:
            more['keypoint_offset'] = cfg.keypoint_offset
        loader = copy.deepcopy(cfg[f'{part}_dataloader'])
        loader.dataset = _dataset(cfg[f'{part}_dataset'], pipeline, more, shared)
        combined[f'{part}_dataloader'] = loader
    for name in ('val_evaluator', 'test_evaluator'):
        combined[name] = copy.deepcopy(cfg[name])
        fill(combined[name], shared)
    cfg.codec = codec
    # as they are with the options
    combined.update({name: cfg[name] for name in (*SAID_ONCE, *SOMETIMES_SAID) if name in cfg})
    return {**{key: _plain(value) for key, value in combined.items()}, 'combined': fingerprints(cfg)}


def _dataset(dataset: ConfigDict, pipeline: list, more: dict, shared: dict) -> ConfigDict:
    """A data set, or a wrapper of some, with layout and pipeline; what the data set says itself goes first."""
    dataset = copy.deepcopy(dataset)
    if 'datasets' in dataset:
        dataset.datasets = [_dataset(one, pipeline, more, shared) for one in dataset.datasets]
        return dataset
    if 'dataset' in dataset:
        dataset.dataset = _dataset(dataset.dataset, pipeline, more, shared)
        return dataset
    if dataset.get('pipeline'):
        raise ValueError(
            f'found pipeline in {dataset.type}, expected nothing there: train_pipeline and test_pipeline say it'
        )
    fill(dataset, shared)
    if dataset.type == 'FaceVideoDataset':
        pipeline = [dict(step, type='LoadVideoFrame') if step['type'] == 'LoadFaceImage' else step for step in pipeline]
    return ConfigDict({**more, **dataset, 'pipeline': copy.deepcopy(pipeline)})


def arguments(name: str | None) -> KeysView:
    """Names of the arguments of a registered component, those that its base classes take by ``**kwargs`` included."""
    return _parameters(name).keys()


def default(name: str | None, argument: str) -> Any:
    """The value that a registered component gives to an argument that is left out; None if there is none."""
    parameter = _parameters(name).get(argument)
    return None if parameter is None or parameter.default is parameter.empty else parameter.default


@cache  # for what is in another registry, the look into this one takes a millisecond
def _is_codec(kind: str) -> bool:
    return KEYPOINT_CODECS.get(kind) is not None


@cache
def _parameters(name: str | None) -> dict[str, inspect.Parameter]:
    component = next(filter(None, (registry.get(name) for registry in REGISTRIES)), None) if name else None
    found: dict[str, inspect.Parameter] = {}
    for cls in inspect.getmro(component) if inspect.isclass(component) else ():
        if '__init__' in vars(cls):
            parameters = inspect.signature(vars(cls)['__init__']).parameters
            found = {**parameters, **found}
            if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters.values()):
                break
    return found


def _as_json(value: Any) -> str:
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return type(value)(_plain(one) for one in value) if isinstance(value, (list, tuple)) else value
