"""Accumulated gradients are those of the whole batch."""

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import nn
from torch.utils.data import DataLoader

from mmfld.engine.accumulating_train_loop import Groups, accumulate


class Regression(BaseModel):
    """Squares of 3 x 2 weights' predictions; its loss is the mean over a batch."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2, bias=False)
        nn.init.constant_(self.linear.weight, 0.5)

    def forward(self, inputs, mode):
        return dict(loss=self.linear(inputs).square().mean())


@pytest.mark.parametrize('sizes', [(5,), (2, 2, 1)])
def test_a_step_has_the_mean_gradient_of_unequal_parts(sizes):
    inputs = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = Regression().double()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    for _ in range(2):  # the second begins without the first one's gradient
        weights = model.linear.weight.detach().clone()
        outputs = accumulate(model, [dict(inputs=part) for part in inputs.split(sizes)], wrapper)
        # d/dW of mean over faces and 2 outputs
        gradient = sum(2 * torch.outer(weights @ face, face) for face in inputs) / (5 * 2)
        torch.testing.assert_close(model.linear.weight.detach(), weights - 0.1 * gradient)
        torch.testing.assert_close(outputs['loss'], (inputs @ weights.T).square().mean())
        assert not outputs['loss'].requires_grad


@pytest.mark.parametrize(
    'drop_last, expected', [(False, [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8]]]), (True, [[[0, 1], [2, 3], [4, 5]]])]
)
def test_the_last_step_of_an_epoch_is_short_or_left_out(drop_last, expected):
    groups = Groups(DataLoader(range(9), batch_size=2, collate_fn=list, drop_last=drop_last), 3)
    assert list(groups) == expected == list(groups)
    assert len(groups) == len(expected)
    assert groups.dataset == range(9)
