"""Lets released OpenMMLab packages import and run on today's PyTorch, NumPy and Python.

``prepare()`` is called once by ``import mmfld``, before anything of MMPose is imported. It first checks that the
OpenMMLab packages are there and new enough, then puts a stand-in into ``sys.modules`` for each module that is missing
or does not import. A module that works is never touched: with a full mmcv and a working torchvision nothing changes.

========================  =====================================================================  =======================
module                    symptom without the stand-in                                           stand-in
========================  =====================================================================  =======================
``mmcv._ext``             ``import mmpose.models`` stops with "No module named 'mmcv._ext'"      ops raise when *called*;
                          (mmcv-lite has no compiled ops, mmcv no wheel for current PyTorch)     ``nms`` is PyTorch code
``torchvision``           ``import mmpose.visualization`` needs ``transforms.ToPILImage``; the   that one class
                          PyPI wheel stops beside a CPU-only torch with "operator
                          torchvision::nms does not exist"
``xtcocotools``           built for NumPy 1 and Python <= 3.11: missing, or "numpy.dtype size    ``pycocotools``, the
                          changed, may indicate binary incompatibility"                          same COCO reader
``pkg_resources``         mmengine 0.10 imports it; gone from setuptools >= 81                   ``importlib.metadata``
========================  =====================================================================  =======================

Checkpoints of mmengine 0.10 cannot be resumed under torch >= 2.6 either; that is mended where it arises, by
:class:`mmfld.engine.hooks.PlainCheckpointHook`, and not here.
"""
import importlib
import importlib.machinery
import importlib.metadata
import sys
from types import ModuleType
from typing import Callable, Optional

# import name -> (oldest supported version, what provides it, newest first choice)
REQUIRED = {
    'mmengine': ('0.10.0', 'mmengine>=0.10.7 (or onedl-mmengine)'),
    'mmcv': ('2.0.0', 'mmcv-lite==2.1.0 (or mmcv, or onedl-mmcv)'),
    'mmdet': ('3.0.0', '--no-deps mmdet==3.3.0 (or onedl-mmdetection)'),
    'mmpose': ('1.3.0', '--no-deps mmpose==1.3.2'),
}


class MissingCompiledOp(RuntimeError):
    """A compiled mmcv operator was called, but this environment has none."""


def prepare() -> None:
    """Check the OpenMMLab packages and put stand-ins where a module is missing or broken.

    Safe to call again.

    Raises:
        ImportError: If a required OpenMMLab package is missing or too old; one sentence says what to install.
    """
    _require('mmengine')
    # First of all: the version checks of the packages below already go through it.
    _stand_in_unless_imports('pkg_resources', _make_pkg_resources)
    _require('mmcv')
    _stand_in_unless_imports('mmcv._ext', _make_mmcv_ext)
    _stand_in_unless_imports('torchvision', _make_torchvision)
    _stand_in_unless_imports('xtcocotools.mask', _make_xtcocotools)
    _require('mmdet')
    _require('mmpose')


def active_stand_ins() -> tuple:
    """Names of the modules that this process got from here instead of from an installed package."""
    return tuple(name for name, module in sys.modules.items()
                 if '__mmfld_stand_in__' in getattr(module, '__dict__', ()))


def _require(name: str) -> None:
    oldest, provider = REQUIRED[name]
    try:
        # mmpose and mmdet assert ranges of mmcv when imported, so ask for the version without importing them.
        found = _version_of(name)
    except ModuleNotFoundError:
        raise ImportError(f'mmfld needs {name} >= {oldest}, which is not installed: '
                          f'run `pip install {provider}`.') from None
    if _as_tuple(found) < _as_tuple(oldest):
        raise ImportError(f'mmfld needs {name} >= {oldest}, found {found}: run `pip install -U {provider}`.')


def _version_of(name: str) -> str:
    """``__version__`` of a package, read from its version file so that the package itself is not imported."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(name)
    path = f'{list(spec.submodule_search_locations)[0]}/version.py'
    try:
        with open(path, encoding='utf-8') as file:
            scope: dict = {'__file__': path, '__name__': f'{name}.version'}
            exec(compile(file.read(), path, 'exec'), scope)
        return scope['__version__']
    except OSError:
        return importlib.import_module(name).__version__


def _as_tuple(version: str) -> tuple:
    parts = []
    for part in version.split('+')[0].split('.')[:3]:
        digits = ''.join(char for char in part if char.isdigit())
        parts.append(int(digits or 0))
    return tuple(parts)


def _stand_in_unless_imports(name: str, make: Callable[[Optional[BaseException]], dict]) -> None:
    """Import ``name``; where that fails, register the modules that ``make(error)`` returns."""
    if name in sys.modules:
        return
    try:
        importlib.import_module(name)
        return
    # Not only ImportError: a wheel built for another torch or NumPy fails with RuntimeError, ValueError, OSError, ...
    except Exception as error:
        cause = error
    made = make(cause)
    for module_name, module in made.items():
        # what a half-finished import left behind must not be found beside the stand-in
        for left in [loaded for loaded in sys.modules if loaded.startswith(module_name + '.')]:
            del sys.modules[left]
        module.__mmfld_stand_in__ = True
        sys.modules[module_name] = module
        parent, _, child = module_name.rpartition('.')
        if parent in sys.modules:
            setattr(sys.modules[parent], child, module)


def _new_module(name: str, doc: str, is_package: bool = False) -> ModuleType:
    module = ModuleType(name, doc)
    # pkgutil and importlib ask a module for its spec before anything else
    module.__spec__ = importlib.machinery.ModuleSpec(name, loader=None, is_package=is_package)
    if is_package:
        module.__path__ = []
    return module


def _make_mmcv_ext(error: BaseException) -> dict:
    module = _new_module('mmcv._ext', 'Stand-in: no compiled mmcv operator is available.')

    def __getattr__(op: str):
        if op.startswith('__'):
            raise AttributeError(op)

        def unavailable(*args, **kwargs):
            raise MissingCompiledOp(
                f'mmcv operator "{op}" is not available: this mmcv has no compiled operators ({error}). '
                'Install a full mmcv built for this PyTorch to use it.')

        return unavailable

    module.__getattr__ = __getattr__
    module.nms = _nms
    return {'mmcv._ext': module}


def _nms(boxes, scores, iou_threshold: float, offset: int):
    """Greedy non-maximum suppression with the signature of ``mmcv._ext.nms``.

    Args:
        boxes (Tensor): (N, 4) as x1, y1, x2, y2 in pixels.
        scores (Tensor): (N, ).
        iou_threshold (float): Boxes that overlap a better one by more than this are dropped.
        offset (int): 0 or 1, added to width and height.

    Returns:
        Tensor: int64 indices of the kept boxes, best first.
    """
    import torch
    order = scores.argsort(descending=True, stable=True)
    x1, y1, x2, y2 = boxes[order].unbind(-1)
    area = (x2 - x1 + offset) * (y2 - y1 + offset)
    width = (torch.minimum(x2[:, None], x2) - torch.maximum(x1[:, None], x1) + offset).clamp(min=0)
    height = (torch.minimum(y2[:, None], y2) - torch.maximum(y1[:, None], y1) + offset).clamp(min=0)
    intersection = width * height
    # cross-multiplied, so that two empty boxes do not divide 0 by 0
    overlaps = intersection > iou_threshold * (area[:, None] + area - intersection)
    overlaps = overlaps.cpu().numpy()  # the greedy pass is sequential by nature
    keep = []
    dropped = overlaps[:0].any(axis=0)
    for index in range(len(order)):
        if not dropped[index]:
            keep.append(index)
            dropped |= overlaps[index]
    return order[torch.as_tensor(keep, dtype=torch.long, device=order.device)]


def _make_torchvision(error: BaseException) -> dict:
    package = _new_module('torchvision', f'Stand-in: torchvision does not import ({error}).', is_package=True)
    package.__version__ = '0.0.0'
    transforms = _new_module('torchvision.transforms', 'Stand-in with ToPILImage only.')

    class ToPILImage:
        """(C, H, W) tensor, float in [0, 1] or uint8, to a PIL image; all that MMPose uses of torchvision."""

        def __call__(self, tensor):
            from PIL import Image
            array = tensor.detach().cpu()
            if array.is_floating_point():
                array = array.mul(255).byte()
            array = array.permute(1, 2, 0).numpy()
            return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)

    transforms.ToPILImage = ToPILImage
    package.transforms = transforms
    return {'torchvision': package, 'torchvision.transforms': transforms}


def _make_xtcocotools(error: BaseException) -> dict:
    try:
        import pycocotools.coco
        import pycocotools.cocoeval
        import pycocotools.mask
    except ImportError:
        raise ImportError(f'mmfld needs a COCO reader: xtcocotools does not import ({error}), and pycocotools is not '
                          'there either: run `pip install pycocotools`.') from None
    package = _new_module('xtcocotools', f'Stand-in: pycocotools, as xtcocotools does not import ({error}).',
                          is_package=True)
    modules = {'xtcocotools': package}
    for child in ('coco', 'cocoeval', 'mask'):
        module = _new_module(f'xtcocotools.{child}', f'Stand-in: pycocotools.{child}.')
        module.__dict__.update({key: value for key, value in vars(getattr(pycocotools, child)).items()
                                if not key.startswith('__')})
        modules[module.__name__] = module
    return modules


def _make_pkg_resources(error: BaseException) -> dict:
    module = _new_module('pkg_resources', 'Stand-in: what mmengine uses, on importlib.metadata.')
    # mmengine reloads the module to see fresh installs; importlib.metadata always looks, so reloading does nothing.
    module.__spec__.loader = _NothingToLoad()
    module.DistributionNotFound = importlib.metadata.PackageNotFoundError

    class _Distribution:

        def __init__(self, name: str):
            distribution = importlib.metadata.distribution(name)
            self.version = distribution.version
            self.location = str(distribution.locate_file(''))

        def has_metadata(self, name: str) -> bool:
            return False

    module.get_distribution = _Distribution
    return {'pkg_resources': module}


class _NothingToLoad:

    def create_module(self, spec):
        return sys.modules.get(spec.name)

    def exec_module(self, module):
        pass
