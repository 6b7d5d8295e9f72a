"""What can be computed once when the weights of a network are final."""

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .winograd_conv import Conv3x3


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """A copy for inference, whose convolutions contain the batch norms that follow them directly.

    >>> from mmfld.apis import FaceLandmarkInferencer
    >>> inferencer = FaceLandmarkInferencer()
    Loads checkpoint by local backend from path: ...
    >>> before = sum(weights.numel() for weights in inferencer.model.parameters())
    >>> inferencer.model = fold_batch_norm(inferencer.model)
    >>> sum(weights.numel() for weights in inferencer.model.parameters()) < before
    True

    Modules name such pairs of their children in an attribute ``FOLDS``. The copy has fewer parameters and does not
    follow those of the model, which is left as it is; kernels that :class:`Conv3x3` transforms are kept in the copy, so
    no other weights may be loaded into it.

    Args:
        model (nn.Module): Any, in any mode.

    Returns:
        nn.Module: In evaluation mode, without gradients.
    """
    model = copy.deepcopy(model).eval()
    for module in list(model.modules()):
        for conv, bn in getattr(module, 'FOLDS', ()):
            if hasattr(module, bn):
                setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, bn)))
                setattr(module, bn, nn.Identity())
    for module in model.modules():
        if isinstance(module, Conv3x3):
            module.frozen = True
    return model.requires_grad_(False)
