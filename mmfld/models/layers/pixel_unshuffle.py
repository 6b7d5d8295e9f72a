"""Blocks of pixels as channels."""

import torch
import torch.nn.functional as F
from torch import Tensor


def pixel_unshuffle(x: Tensor, block: int) -> Tensor:
    """``torch.nn.functional.pixel_unshuffle``, of which ONNX makes a convolution.

    Without an operator for it, an exported model would transpose six axes, which takes four times as long in
    onnxruntime as a convolution whose kernels pick one pixel each. Both are exact.

    Args:
        x (Tensor): (B, C, H, W), H and W divisible by ``block``.
        block (int): Side of the blocks.

    Returns:
        Tensor: (B, C block², H / block, W / block).
    """
    if block == 1 or not torch.onnx.is_in_onnx_export():
        return F.pixel_unshuffle(x, block)
    pick = torch.eye(block**2, dtype=x.dtype, device=x.device).view(-1, 1, block, block)
    return F.conv2d(x, pick.repeat(x.shape[1], 1, 1, 1), stride=block, groups=x.shape[1])
