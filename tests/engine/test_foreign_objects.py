"""Objects of MMEngine and NumPy in checkpoints become numbers, and no code of a file runs."""

from collections import Counter, OrderedDict
from pickle import UnpicklingError

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader, load_checkpoint

from mmfld.engine.checkpoint import read_checkpoint
from mmfld.engine.foreign_objects import load_plain

WEIGHTS = OrderedDict(weight=torch.arange(6.0).view(2, 3), bias=torch.tensor([1.0, 2.0]))


class Calls:
    """A pickle that calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture
def saved(tmp_path):
    def save(**content):
        torch.save(dict(state_dict=WEIGHTS, **content), tmp_path / 'a.pth')
        return tmp_path / 'a.pth'

    return save


@pytest.mark.parametrize(
    'value, expected',
    [
        (np.float32(1.5), 1.5),
        (np.bool_(True), True),
        (np.arange(6, dtype='>i4').reshape(2, 3), [[0, 1, 2], [3, 4, 5]]),
        (np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), [[1.0, 2.0], [3.0, 4.0]]),
        (np.zeros((0, 2), np.uint8), []),
        ((np.int64(3), [np.array([True])]), (3, [[True]])),
        (Counter({1: np.int64(2)}), Counter({1: 2})),
    ],
    ids=str,
)
def test_numbers_of_numpy_are_those_of_python(saved, value, expected):
    found = load_plain(saved(value=value))['value']
    assert found == expected and type(found) is type(expected)


def test_a_log_is_what_a_checkpoint_of_mmfld_has(saved):
    found = load_plain(saved(log=HistoryBuffer([0.1, 0.2], [1, 3], 5)))['log']
    assert found['values'].tolist() == [0.1, 0.2] and found['values'].dtype == torch.float64
    assert found['counts'].tolist() == [1, 3] and found['max_length'] == 5


def test_weights_and_their_versions_stay(saved):
    found = load_plain(saved(log=HistoryBuffer([0.1], [1])))['state_dict']
    assert type(found) is OrderedDict and all(torch.equal(found[name], value) for name, value in WEIGHTS.items())


def test_mmengine_loads_them(saved):
    path = saved(log=HistoryBuffer([0.1], [1]), array=np.arange(2))
    model = torch.nn.Linear(3, 2)
    assert load_checkpoint(model, str(path))['array'] == [0, 1] and torch.equal(model.weight, WEIGHTS['weight'])
    with pytest.raises(FileNotFoundError, match='gone.pth can not be found'):
        CheckpointLoader.load_checkpoint('gone.pth')


def test_getattr_of_a_file_gets_nothing(saved):
    found = load_plain(saved(value=Calls(getattr, 'abc', 'upper'), log=HistoryBuffer([0.1], [1])))
    assert found['value'] is None


@pytest.mark.parametrize(
    'call, named',
    [((open, 'ran', 'w'), 'io.open'), ((eval, '1'), 'eval'), ((np.load, 'ran'), 'numpy.load')],
    ids=['open', 'eval', 'load'],
)
def test_other_functions_do_not_run(saved, tmp_path, monkeypatch, call, named):
    monkeypatch.chdir(tmp_path)
    path = saved(array=np.arange(2), value=Calls(*call))
    with pytest.raises(ValueError, match=f'a.pth: found a Python object {named} in this') as error:
        read_checkpoint(path)
    assert 'weights_only' not in str(error.value) and not (tmp_path / 'ran').exists()


@pytest.mark.parametrize('array', [np.array([object], object), np.zeros(2, [('a', object)]), np.array(['a'])], ids=str)
def test_arrays_of_what_are_no_numbers_are_refused(saved, array):
    with pytest.raises(ValueError, match='a.pth: found a Python object .* in this checkpoint, which is not loaded'):
        read_checkpoint(saved(value=array))


@pytest.mark.parametrize(
    'state', [(1, (2,), 'no type', False, b'1234'), (1, (10**9,), np.dtype('f4'), False, b'1234'), 3], ids=str
)
def test_an_array_that_is_none_is_refused(saved, state):
    class Wrong:
        def __reduce__(self):
            return *np.zeros(2).__reduce__()[:2], state

    with pytest.raises(ValueError, match='a.pth: found a Python object numpy.*_reconstruct in this checkpoint'):
        read_checkpoint(saved(value=Wrong()))


def test_nothing_stays_allowed(saved):
    path, before = saved(array=np.arange(2)), set(torch.serialization.get_safe_globals())
    load_plain(path)
    assert set(torch.serialization.get_safe_globals()) == before
    with pytest.raises(UnpicklingError):
        torch.load(path, weights_only=True)
