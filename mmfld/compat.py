"""Lets released OpenMMLab packages import and run on today's PyTorch, NumPy and Python.

``prepare()`` is called once by ``import mmfld``, before anything of MMPose is imported. It first checks that the
OpenMMLab packages are there and new enough, then puts a stand-in into ``sys.modules`` for each module that is missing
or does not import: ``mmcv._ext``, ``torchvision``, ``xtcocotools``, ``pkg_resources``. A module that works is never
touched. ``docs/concepts/compat.md`` has the symptoms.

One method is wrapped, from NumPy 2.4 on: ``draw_circles`` of MMPose's visualizer, which makes a number of an array of
one radius. One warning is silenced, the notice that the real ``pkg_resources`` prints because mmengine imports it.
"""

import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import runpy
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.lib import NumpyVersion

# import name -> (oldest supported version, or None where any does, what pip should be asked for)
REQUIRED = {
    'mmengine': ('0.10.0', 'mmengine==0.10.7'),
    'mmcv': ('2.0.0', 'mmcv-lite==2.1.0'),
    'mmdet': ('3.0.0', '--no-deps mmdet==3.3.0'),
    'mmpose': ('1.3.0', '--no-deps mmpose==1.3.2'),
    'torch': ('2.0.0', 'torch'),
    'cv2': (None, 'opencv-python-headless'),
    'matplotlib': (None, 'matplotlib'),
    'packaging': (None, 'packaging'),
    'ruamel.yaml': (None, 'ruamel.yaml'),
    'scipy': (None, 'scipy'),
    'tqdm': (None, 'tqdm'),
}


class MissingCompiledOp(RuntimeError):
    """A compiled mmcv operator was called, but this environment has none."""


def prepare() -> None:
    """Check the packages that are needed and put stand-ins where a module is missing or broken.

    Safe to call again.

    Raises:
        ImportError: If a required package is missing or too old; one sentence names all of them and what to install.
    """
    require(*REQUIRED)
    warnings.filterwarnings('ignore', message='pkg_resources is deprecated as an API', category=UserWarning)
    if not any(isinstance(finder, _PkgResourcesFinder) for finder in sys.meta_path):
        sys.meta_path.append(_PkgResourcesFinder())  # last, so that an installed one is found first
    importlib.import_module('mmcv')  # if mmcv itself does not import, its own error is the one to read
    _stand_in_unless_imports('mmcv._ext', _make_mmcv_ext)
    _stand_in_unless_imports('torchvision', _make_torchvision)
    _stand_in_unless_imports('xtcocotools.mask', _make_xtcocotools)
    if NumpyVersion(np.__version__) >= '2.4.0':
        _let_circles_be_drawn()


def active_stand_ins() -> tuple[str, ...]:
    """Names of the modules that this process got from here instead of from an installed package."""
    return tuple(
        name for name, module in list(sys.modules.items()) if '__mmfld_stand_in__' in getattr(module, '__dict__', ())
    )


def _let_circles_be_drawn() -> None:
    """MMPose draws circles of a radius (1, ), which ``int`` no longer takes."""
    from mmpose.visualization.opencv_backend_visualizer import OpencvBackendVisualizer

    draw_circles = OpencvBackendVisualizer.draw_circles
    if hasattr(draw_circles, '__mmfld_wraps__'):
        return

    @functools.wraps(draw_circles)
    def draw(self, center, radius, *args, **kwargs):
        if self.backend == 'opencv':
            radius = float(np.ravel(radius)[0])
        return draw_circles(self, center, radius, *args, **kwargs)

    draw.__mmfld_wraps__ = draw_circles
    OpencvBackendVisualizer.draw_circles = draw


def require(*names: str) -> None:
    """Raise an ImportError, which says what to install, unless packages are there and new enough."""
    wanting = [(name, fault) for name in names if (fault := _fault(name))]
    if wanting:
        oldest = {name: f' >= {REQUIRED[name][0]}' if REQUIRED[name][0] else '' for name in names}
        needs = ', and '.join(f'{name}{oldest[name]}, {fault}' for name, fault in wanting)
        commands = ' and '.join(f'`pip install {REQUIRED[name][1]}`' for name, _ in wanting)
        raise ImportError(f'mmfld needs {needs}: run `bash tools/setup_env.sh` for everything, or {commands}.')


def _fault(name: str) -> str | None:
    # From version.py and not by importing: mmpose and mmdet import mmcv, which may still lack a stand-in. Not from the
    # distribution's metadata either: several distributions (mmcv, mmcv-lite, onedl-mmcv) provide one import name.
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # the package around it
        spec = None
    if spec is None or spec.origin is None:
        return 'which is not installed'
    oldest = REQUIRED[name][0]
    if oldest is None or importlib.util.find_spec('packaging') is None:
        return None
    from packaging.version import Version

    found = runpy.run_path(str(Path(spec.origin).with_name('version.py')))['__version__']
    return f'found {found}' if Version(found) < Version(oldest) else None


def _stand_in_unless_imports(name: str, make: Callable[[BaseException], dict[str, ModuleType]]) -> None:
    """Import ``name``; where that fails, register the modules that ``make(error)`` returns."""
    try:
        importlib.import_module(name)
        return
    # Not only ImportError: a wheel built for another torch or NumPy fails with RuntimeError, ValueError, OSError, ...
    except Exception as error:
        made = make(error)
    for module_name, module in made.items():
        # what a half-finished import left behind must not be found beside the stand-in
        for left in [loaded for loaded in sys.modules if loaded.startswith(f'{module_name}.')]:
            del sys.modules[left]
        module.__mmfld_stand_in__ = True
        sys.modules[module_name] = module
        parent, _, child = module_name.rpartition('.')
        if parent:
            setattr(sys.modules[parent], child, module)


def _new_module(name: str, doc: str, is_package: bool = False) -> ModuleType:
    # with a spec, as importlib.util.find_spec() refuses a loaded module that has none
    module = importlib.util.module_from_spec(importlib.machinery.ModuleSpec(name, loader=None, is_package=is_package))
    module.__doc__ = doc
    return module


def _make_mmcv_ext(error: BaseException) -> dict[str, ModuleType]:
    module = _new_module('mmcv._ext', 'Stand-in: no compiled mmcv operator is available.')

    def __getattr__(op: str):
        if op.startswith('__'):
            raise AttributeError(op)

        def unavailable(*args, **kwargs):
            raise MissingCompiledOp(
                f'mmcv operator "{op}" is not available: this mmcv has no compiled operators ({error}). '
                'Install a full mmcv built for this PyTorch to use it.'
            )

        return unavailable

    module.__getattr__ = __getattr__
    module.nms = nms
    return {'mmcv._ext': module}


def nms(boxes, scores, iou_threshold: float, offset: int):
    """Greedy non-maximum suppression, called like ``mmcv._ext.nms``; mmdet's detectors need it.

    Args:
        boxes (Tensor): (N, 4) as x1, y1, x2, y2 in pixels, on any device.
        scores (Tensor): (N, ).
        iou_threshold (float): A box is dropped if it overlaps a better one that is kept by more than this.
        offset (int): 0 or 1, added to width and height.

    Returns:
        Tensor: int64 indices of the kept boxes, best first, on the device of ``boxes``.
    """
    order = scores.argsort(descending=True, stable=True)
    # The greedy pass is sequential by nature, so it runs on the CPU; memory stays O(N).
    corners = boxes.detach()[order].double().cpu().numpy()
    low, high = corners[:, :2], corners[:, 2:]
    area = (high - low + offset).prod(axis=1)
    left = np.arange(len(order))
    keep = []
    while left.size:
        best, left = left[0], left[1:]
        keep.append(int(best))
        sides = np.minimum(high[best], high[left]) - np.maximum(low[best], low[left]) + offset
        intersection = sides.clip(min=0).prod(axis=1)
        # multiplied out, so that two empty boxes do not divide 0 by 0
        overlaps = intersection > iou_threshold * (area[best] + area[left] - intersection)
        left = left[~overlaps]
    return order[keep]


def _make_torchvision(error: BaseException) -> dict[str, ModuleType]:
    package = _new_module('torchvision', f'Stand-in: torchvision does not import ({error}).', is_package=True)
    package.__version__ = '0.0.0+mmfld.stand.in'
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
    return {'torchvision': package, 'torchvision.transforms': transforms}


def _make_xtcocotools(error: BaseException) -> dict[str, ModuleType]:
    try:
        import pycocotools.coco
        import pycocotools.mask
    except ImportError:
        raise ImportError(
            f'mmfld needs a COCO reader: xtcocotools does not import ({error}), and pycocotools is not '
            'there either: run `pip install pycocotools`.'
        ) from None
    modules = {'xtcocotools': _new_module('xtcocotools', f'Stand-in: pycocotools ({error}).', is_package=True)}
    for real in (pycocotools.coco, pycocotools.mask):
        # a copy of the namespace, so that nothing done to the stand-in reaches pycocotools
        module = _new_module(real.__name__.replace('pycocotools', 'xtcocotools'), f'Stand-in: {real.__name__}.')
        vars(module).update({key: value for key, value in vars(real).items() if not key.startswith('__')})
        modules[module.__name__] = module

    class COCOeval:
        """pycocotools' class knows neither ``sigmas`` nor ``use_area``, which MMPose's CocoMetric passes."""

        def __init__(self, *args, **kwargs):
            raise ImportError(f'CocoMetric needs the COCOeval of xtcocotools, which does not import ({error}).')

    cocoeval = _new_module('xtcocotools.cocoeval', 'Stand-in: COCOeval raises when created.')
    cocoeval.COCOeval = COCOeval
    return {**modules, 'xtcocotools.cocoeval': cocoeval}


class _Distribution:
    """What mmengine asks of ``pkg_resources.get_distribution(name)``."""

    def __init__(self, name: str):
        self._distribution = importlib.metadata.distribution(name)
        self.version = self._distribution.version
        self.location = str(self._distribution.locate_file(''))

    def has_metadata(self, name: str) -> bool:
        return self._distribution.read_text(name) is not None

    def get_metadata(self, name: str) -> str:
        return self._distribution.read_text(name)


class _PkgResourcesFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a stand-in for ``pkg_resources``; a finder, because mmengine reloads the module, which looks it up anew."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == 'pkg_resources' else None

    def exec_module(self, module):
        module.__mmfld_stand_in__ = True
        module.DistributionNotFound = importlib.metadata.PackageNotFoundError
        module.get_distribution = _Distribution
