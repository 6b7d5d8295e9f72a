"""What an optimiser refuses is one sentence."""

import pytest
import torch
from torch import nn

from mmfld.engine.endings import sentence_of
from mmfld.engine.strict_runner import StrictRunner


@pytest.mark.parametrize(
    'options, said',
    [
        (dict(lr=-1.0), 'optim_wrapper: .*Invalid learning rate: -1.0'),
        (dict(lr=float('nan')), 'optim_wrapper: .*Invalid learning rate: nan'),
        (dict(lr=0.1, betas=(0.9, 0.9)), "optim_wrapper: .*unexpected keyword argument 'betas'"),
    ],
)
def test_an_argument_that_an_optimiser_refuses_names_its_part_of_the_config(tmp_path, options, said):
    runner = StrictRunner(
        nn.Linear(1, 1), str(tmp_path), default_scope='mmpose', log_level='ERROR', experiment_name=tmp_path.name
    )
    with pytest.raises(ValueError, match=said) as raised:
        runner.build_optim_wrapper(dict(optimizer=dict(type='SGD', **options)))
    assert sentence_of(raised.value) is not None
    wrapper = runner.build_optim_wrapper(dict(optimizer=dict(type='SGD', lr=0.5)))
    assert isinstance(wrapper.optimizer, torch.optim.SGD)
