"""Stand-ins appear only where the real module is missing or broken, and do what their users need."""

import importlib
import subprocess
import sys
import warnings

import mmcv.ops
import numpy as np
import pytest
import torch

from mmfld import compat


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes an importable package; forgets it, and what stands in for it, at the end."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(name, **files):
        (tmp_path / name).mkdir()
        for file, text in {'__init__': '', **files}.items():
            (tmp_path / name / f'{file}.py').write_text(text)
        importlib.invalidate_caches()

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def stand_in(name):
    return lambda error: {name: compat._new_module(name, str(error), is_package=True)}


def test_a_module_that_works_is_not_touched(package):
    package('working', child='answer = 42')
    compat._stand_in_unless_imports('working.child', stand_in('working'))
    assert sys.modules['working.child'].answer == 42
    assert 'working' not in compat.active_stand_ins()


@pytest.mark.parametrize(
    'reason',
    [
        'RuntimeError("operator torchvision::nms does not exist")',
        'ValueError("numpy.dtype size changed")',
        'ImportError("undefined symbol")',
    ],
)
def test_a_broken_module_is_replaced_with_its_reason(package, reason):
    package('broken', left='', __init__=f'import broken.left\nraise {reason}')
    compat._stand_in_unless_imports('broken', stand_in('broken'))
    module = importlib.import_module('broken')
    assert module.__doc__ in reason and 'broken' in compat.active_stand_ins()
    assert 'broken.left' not in sys.modules  # the half that did import
    assert importlib.util.find_spec('broken') is module.__spec__


def test_preparing_again_changes_nothing():
    before = compat.active_stand_ins(), list(sys.meta_path)
    compat.prepare()
    assert (compat.active_stand_ins(), list(sys.meta_path)) == before


def test_a_missing_package_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(
        ImportError,
        match=r'mmfld needs mmcv >= 2.0.0, which is not installed: '
        r'run `bash tools/setup_env.sh` for everything, or `pip install mmcv-lite==2.1.0`',
    ):
        compat.require('mmcv')


def test_all_missing_packages_are_named_at_once(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(
        ImportError,
        match=r'mmfld needs mmengine >= 0.10.0, which is not installed, and mmcv >= 2.0.0, '
        r'which is not installed, and .*: run `bash tools/setup_env.sh` for everything, or '
        r'`pip install mmengine==0.10.7` and `pip install mmcv-lite',
    ):
        compat.require(*compat.REQUIRED)


@pytest.mark.parametrize(
    'name, package', [('scipy', 'scipy'), ('ruamel.yaml', 'ruamel.yaml'), ('cv2', 'opencv-python-headless')]
)
def test_a_missing_package_of_which_any_version_does_is_named(monkeypatch, name, package):
    def find_spec(asked):
        if '.' in asked:
            raise ModuleNotFoundError('of the package around it')

    monkeypatch.setattr(importlib.util, 'find_spec', find_spec)
    with pytest.raises(
        ImportError, match=f'mmfld needs {name}, which is not installed: run .*, or `pip install {package}`'
    ):
        compat.require(name)


@pytest.mark.parametrize('found, fine', [('0.7.0', False), ('1.3.0rc1', False), ('1.3.2', True), ('1.10.0', True)])
def test_an_old_package_is_named_with_what_to_install(package, monkeypatch, found, fine):
    package('oldpose', __init__='raise AssertionError("must not be imported")', version=f'__version__ = {found!r}')
    monkeypatch.setitem(compat.REQUIRED, 'oldpose', compat.REQUIRED['mmpose'])
    if fine:
        compat.require('oldpose')
    else:
        with pytest.raises(ImportError, match=f'mmfld needs oldpose >= 1.3.0, found {found}: run .*, or `pip install'):
            compat.require('oldpose')


def naive_nms(boxes, scores, threshold, offset):
    keep = []
    for index in sorted(range(len(boxes)), key=lambda index: -scores[index]):
        x1, y1, x2, y2 = boxes[index]
        for other in keep:
            a1, b1, a2, b2 = boxes[other]
            width = max(0.0, min(x2, a2) - max(x1, a1) + offset)
            height = max(0.0, min(y2, b2) - max(y1, b1) + offset)
            areas = (x2 - x1 + offset) * (y2 - y1 + offset) + (a2 - a1 + offset) * (b2 - b1 + offset)
            if width * height / (areas - width * height) > threshold:
                break
        else:
            keep.append(index)
    return keep


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.1, 0.5, 0.9])
def test_nms_equals_a_naive_one(threshold, offset):
    random = np.random.default_rng(0)
    low = random.uniform(0, 50, (200, 2))
    boxes = np.concatenate([low, low + random.uniform(1, 40, (200, 2))], axis=1)
    scores = random.uniform(size=200)
    kept = compat.nms(torch.tensor(boxes), torch.tensor(scores), threshold, offset)
    assert kept.dtype == torch.int64
    assert kept.tolist() == naive_nms(boxes, scores, threshold, offset)


def test_nms_limits():
    boxes = torch.tensor([[0.0, 0, 2, 1], [1, 0, 3, 1], [5, 5, 5, 5], [5, 5, 5, 5]])  # overlap of the first two: 1 / 3
    scores = torch.tensor([0.4, 0.3, 0.2, 0.1])
    assert compat.nms(boxes[:0], scores[:0], 0.5, 0).tolist() == []
    assert compat.nms(boxes, scores, 1 / 3 - 1e-6, 0).tolist() == [0, 2, 3]  # empty boxes overlap nothing
    assert compat.nms(boxes, scores, 1 / 3 + 1e-6, 0).tolist() == [0, 1, 2, 3]
    exact = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 1]])  # exactly the threshold is no overlap, as in mmcv
    assert compat.nms(exact, scores[:2], 0.5, 0).tolist() == [0, 1]


def test_mmcv_nms():
    boxes = np.array(
        [
            [49.1, 32.4, 51.0, 35.9],
            [49.3, 32.9, 51.0, 35.3],
            [49.2, 31.8, 51.0, 35.4],
            [35.1, 11.5, 39.1, 15.7],
            [35.6, 11.8, 39.3, 14.2],
            [35.3, 11.5, 39.9, 14.5],
            [35.2, 11.7, 39.7, 15.7],
        ],
        np.float32,
    )
    scores = np.array([0.9, 0.9, 0.5, 0.5, 0.5, 0.4, 0.3], np.float32)
    detections, kept = mmcv.ops.nms(boxes, scores, 0.6)  # the example of mmcv's documentation, which keeps three
    assert detections.shape == (3, 5) and kept.tolist() == [0, 3, 4]


def test_mmcv_batched_nms_keeps_the_classes_apart():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 8]])
    detections, kept = mmcv.ops.batched_nms(
        boxes, torch.tensor([0.7, 0.8, 0.9]), torch.tensor([0, 0, 1]), dict(type='nms', iou_threshold=0.5)
    )
    assert kept.tolist() == [2, 1]
    torch.testing.assert_close(detections[:, 4], torch.tensor([0.9, 0.8]))


def test_another_compiled_operator_says_what_is_missing():
    ext = compat._make_mmcv_ext(ImportError('no ops'))['mmcv._ext']
    with pytest.raises(compat.MissingCompiledOp, match='operator "roi_align_forward" .* no compiled operators .no ops'):
        ext.roi_align_forward(torch.zeros(1))


def test_torchvision_stand_in_makes_pictures():
    modules = compat._make_torchvision(ImportError())
    to_picture = modules['torchvision.transforms'].ToPILImage()
    tensor = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1)
    assert np.asarray(to_picture(tensor)).tolist() == [[[0, 127, 255]]]
    assert np.asarray(to_picture(tensor[:1])).tolist() == [[0]]


def test_xtcocotools_stand_in_reads_but_does_not_evaluate():
    modules = compat._make_xtcocotools(ImportError('built for NumPy 1'))
    assert modules['xtcocotools.coco'].COCO().dataset == {}
    mask = modules['xtcocotools.mask']
    assert mask.area(mask.encode(np.asfortranarray(np.eye(4, dtype=np.uint8)))) == 4
    with pytest.raises(ImportError, match='built for NumPy 1'):
        modules['xtcocotools.cocoeval'].COCOeval()


def test_pkg_resources_stand_in_survives_the_reload_of_mmengine(monkeypatch):
    monkeypatch.setattr(sys, 'meta_path', [compat._PkgResourcesFinder(), *sys.meta_path])
    monkeypatch.setitem(sys.modules, 'pkg_resources', None)  # remembers what was there
    del sys.modules['pkg_resources']
    module = importlib.reload(importlib.import_module('pkg_resources'))
    distribution = module.get_distribution('torch')
    assert distribution.version == importlib.metadata.version('torch')
    assert 'Name: torch' in distribution.get_metadata('METADATA').splitlines()
    assert distribution.has_metadata('METADATA') and not distribution.has_metadata('no-such-file')
    with pytest.raises(module.DistributionNotFound):
        module.get_distribution('no-such-distribution')


def test_only_the_warning_of_pkg_resources_is_silenced():
    with warnings.catch_warnings(record=True) as seen:
        warnings.resetwarnings()
        compat.prepare()
        warnings.warn('pkg_resources is deprecated as an API. See ...', UserWarning, stacklevel=1)
        warnings.warn('something else is deprecated as an API.', UserWarning, stacklevel=1)
    assert [str(warning.message) for warning in seen] == ['something else is deprecated as an API.']


def test_all_of_mmpose_imports_in_a_fresh_process():
    code = (
        'import mmfld, mmpose.apis, mmpose.codecs, mmpose.datasets, mmpose.engine, mmpose.evaluation, '
        'mmpose.models, mmpose.visualization'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_without_mmpose_every_part_but_the_runtime_says_what_to_install():
    program = """
import importlib, importlib.util
real = importlib.util.find_spec
hidden = ('mmengine', 'mmcv', 'mmdet', 'mmpose')
importlib.util.find_spec = lambda name, *package: None if name in hidden else real(name, *package)
import mmfld, mmfld.runtime, mmfld.structures
for part in ('apis', 'codecs', 'datasets', 'engine.rows', 'evaluation', 'models.heads', 'visualization'):
    try:
        importlib.import_module(f'mmfld.{part}')
    except ImportError as error:
        print(str(error).split(':')[0])
"""
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    needs = ', and '.join(
        f'{name} >= {compat.REQUIRED[name][0]}, which is not installed'
        for name in ('mmengine', 'mmcv', 'mmdet', 'mmpose')
    )
    assert done.stdout == 7 * f'mmfld needs {needs}\n', done.stderr


def test_circles_of_a_radius_in_an_array(monkeypatch):
    """NumPy 2.4 makes no number of an array of one."""
    from mmpose.visualization.opencv_backend_visualizer import OpencvBackendVisualizer

    original = OpencvBackendVisualizer.draw_circles

    def of_numpy_2_4(self, center, radius, *args, **kwargs):
        assert np.ndim(radius) == 0, 'only 0-dimensional arrays can be converted to Python scalars'
        return original(self, center, radius, *args, **kwargs)

    monkeypatch.setattr(OpencvBackendVisualizer, 'draw_circles', of_numpy_2_4)
    compat._let_circles_be_drawn()
    compat._let_circles_be_drawn()
    visualizer = OpencvBackendVisualizer(backend='opencv')
    visualizer.set_image(np.zeros((20, 20, 3), np.uint8))
    visualizer.draw_circles(np.array([10.0, 10.0]), radius=np.array([3]), face_colors=(0, 255, 0))
    assert visualizer.get_image()[10, 12].tolist() == [0, 255, 0]
