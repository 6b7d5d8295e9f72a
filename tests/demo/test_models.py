"""Visitors choose among the models that the demo was started with, and nothing else."""

import pytest

from mmfld.demo.models import WEIGHTS, Models
from mmfld.runtime.landmarker import DEFAULT_MODEL


@pytest.fixture(scope='module')
def models():
    return Models(threads=1)


def test_the_model_of_the_package_comes_first_and_its_checkpoint_second(models):
    assert models.names == [DEFAULT_MODEL.name, WEIGHTS.name]


def test_an_exported_model_has_its_own_decoder_alone(models):
    assert models.decoders(DEFAULT_MODEL.name) == []
    with pytest.raises(ValueError, match="found decoder='argmax', but an exported model has the one it came with"):
        models.landmarker(DEFAULT_MODEL.name, 'argmax', 'auto')


def test_a_checkpoint_has_decoders(models):
    assert 'argmax' in models.decoders(WEIGHTS.name)
    with pytest.raises(ValueError, match="found decoder='best', expected one of argmax, "):
        models.landmarker(WEIGHTS.name, 'best', 'auto')


def test_layouts_are_those_that_the_landmarks_can_be_converted_to(models):
    assert models.layouts(DEFAULT_MODEL.name) == ['300w68', '300w49', 'cofw25']


def test_landmarkers_share_their_networks(models):
    one, other = (models.landmarker(DEFAULT_MODEL.name, None, orientation) for orientation in ('auto', '90'))
    assert one.model is other.model and one.detector is other.detector
    assert (one.orientation, other.orientation) == ('auto', 90.0)


@pytest.mark.parametrize('orientation', ['sideways', 'nan'])
def test_an_orientation_without_meaning_is_an_error(models, orientation):
    with pytest.raises(ValueError, match='orientation'):
        models.landmarker(DEFAULT_MODEL.name, None, orientation)


def test_a_path_is_not_what_a_visitor_may_choose(models):
    with pytest.raises(ValueError, match='^found model .*, expected one of'):
        models.model(str(DEFAULT_MODEL))


def test_a_model_that_does_not_exist_is_named():
    with pytest.raises(FileNotFoundError, match='^model missing.onnx does not exist$'):
        Models(['missing.onnx'])


def test_two_models_of_one_name_are_an_error():
    with pytest.raises(ValueError, match='^found two models with the name mmfld_robust_mini.onnx'):
        Models([str(DEFAULT_MODEL), str(DEFAULT_MODEL)])
