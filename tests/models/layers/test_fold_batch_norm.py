"""fold_batch_norm: the same values from fewer modules, and independence of the model."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from mmfld.apis import FaceLandmarkInferencer
from mmfld.models import FAN, HourglassAAM
from mmfld.models.layers import ConvBlock, fold_batch_norm
from mmfld.models.layers.winograd_conv import Conv3x3

SMALL = dict(layout='cofw29', num_stacks=2, num_levels=2, width=128)


def trained(network: nn.Module) -> nn.Module:
    """With batch norms that are no identity, as after some steps."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                nn.init.uniform_(values, 0.5, 1.5)
    return network.eval()


def outputs(network: nn.Module, x: torch.Tensor) -> list:
    with torch.no_grad():
        return [maps for stack in network(x) for maps in stack if maps is not None]


@pytest.mark.parametrize('network, folded', [(HourglassAAM(**SMALL), 1 + 2 * (3 + 2 * (1 + 7)) + 2), (FAN(**SMALL), 3)])
def test_same_maps_with_fewer_batch_norms(network, folded):
    network, x = trained(network), torch.randn(2, 3, 128, 128)
    copied = fold_batch_norm(network)
    for _ in range(2):  # the second time with kept kernels
        for actual, expected in zip(outputs(copied, x), outputs(network, x)):
            torch.testing.assert_close(actual, expected, atol=1e-4 * expected.abs().max().item(), rtol=0)

    def batch_norms(network: nn.Module) -> int:
        return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())

    assert batch_norms(network) - batch_norms(copied) == folded


def test_the_model_is_left_as_it_is():
    block = nn.Sequential(ConvBlock(3, 4, 3, bn_relu=True), Conv3x3(4, 4)).train()
    before = copy.deepcopy(block.state_dict())
    fold_batch_norm(block)
    assert block.training and all(parameter.requires_grad for parameter in block.parameters())
    assert not block[1].frozen
    assert before.keys() == block.state_dict().keys()
    assert all((before[key] == value).all() for key, value in block.state_dict().items())


def test_the_copy_has_no_gradients_and_does_not_follow():
    block, x = trained(ConvBlock(3, 4, 3, bn_relu=True)), torch.randn(1, 3, 8, 8)
    copied = fold_batch_norm(block)
    before = copied(x)
    assert not before.requires_grad
    nn.init.ones_(block.conv.weight)
    assert (copied(x) == before).all() and not torch.allclose(block(x), before)


def test_blocks_without_batch_norm():
    block, x = ConvBlock(3, 4, 3).eval(), torch.randn(1, 3, 8, 8)
    assert (fold_batch_norm(block)(x) == block(x)).all()


def test_landmarks_of_the_inferencer():
    inferencer = FaceLandmarkInferencer(device='cpu', detector='whole_image', orientation='upright')
    image = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)

    def landmarks() -> np.ndarray:
        return np.array(next(inferencer(image))['predictions'][0][0]['keypoints'])

    expected = landmarks()
    inferencer.model = fold_batch_norm(inferencer.model)
    np.testing.assert_allclose(landmarks(), expected, atol=1e-3)
