"""3x3 convolutions on the CPU with a quarter of the multiplications (Lavin and Gray, CVPR 2016).

Half of the multiplications of a stacked hourglass are in 3x3 convolutions, and PyTorch's CPU kernels do them one by
one, at what the processor can give. Winograd's F(4x4, 3x3) computes 4 x 4 outputs from 6 x 6 inputs d and a kernel g as

    y = A^T [(G g G^T) * (B^T d B)] A

with 36 multiplications where the definition has 144; summed over channels they are 36 matrix products. Both gradients
are sums of the same products. GPU libraries choose such algorithms by themselves.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

OUT, IN = 4, 6  # sides of a tile of outputs and of the inputs that it depends on
BLOCK = 8192  # tiles x channels that a core works on at once: 36 * 4 bytes of each are about its cache

_INPUT = torch.tensor(
    [
        [4.0, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_KERNEL = torch.tensor([[6.0, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]).double() / 24
_OUTPUT = torch.tensor([[1.0, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
CONSTANT = IN + 1  # of the 36 products the one that adds equally to all outputs


def enough_inputs() -> int:
    """From how many inputs on it pays: with several threads a single face is faster by PyTorch's own convolution."""
    return OUT**2 * BLOCK * (1 if torch.get_num_threads() == 1 else 8)


def _both_sides(matrix: Tensor, columns: Tensor) -> Tensor:
    """(m, m, N) matrix columns matrix^T for each of the N squares (n, n, N) and a matrix (m, n)."""
    m, n = matrix.shape
    matrix = matrix.to(columns.dtype)
    return torch.matmul(matrix, torch.mm(matrix, columns.reshape(n, -1)).view(m, n, -1))


def _tiles(x: Tensor, side: int) -> Tensor:
    """(side, side, B, h, w, C) view of the tiles of a map (B, C, 4 h, 4 w), zero outside."""
    margin = (side - OUT) // 2
    x = x.permute(0, 2, 3, 1)
    if margin:
        x = F.pad(x, (0, 0, margin, margin, margin, margin))
    return x.unfold(1, side, OUT).unfold(2, side, OUT).permute(4, 5, 0, 1, 2, 3)


def _blocks(tiles: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut along images and rows, tensors whose dimensions 2 and 3 these are, into parts that stay in the cache."""
    batch, rows, columns, channels = tiles.shape[2:]
    limit = max(BLOCK * torch.get_num_threads() // channels, columns)
    images = max(limit // (rows * columns), 1)
    for first in zip(*(x.split(images, 2) for x in (tiles, *others))):
        yield from zip(*(x.split(max(limit // (columns * images), 1), 3) for x in first))


def _kernel(weight: Tensor) -> Tensor:
    """(36, O, C) of a weight (O, C, 3, 3)."""
    return _both_sides(_KERNEL, weight.permute(2, 3, 0, 1)).view(IN**2, *weight.shape[:2])


def _convolve(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """Channels-last map (B, O, H, W) of x (B, C, H, W), a transformed kernel (36, C, O) and a bias (O,)."""
    (batch, channels, height, width), filters = x.shape, kernel.shape[2]
    out = torch.empty((batch, filters, height, width), dtype=x.dtype, memory_format=torch.channels_last)
    for tiles, result in _blocks(_tiles(x, IN), _tiles(out, OUT)):
        products = torch.bmm(_both_sides(_INPUT, tiles).view(IN**2, -1, channels), kernel)
        if bias is not None:
            products[CONSTANT] += bias
        result.copy_(_both_sides(_OUTPUT, products.view(IN, IN, -1)).view_as(result))
    return out


class _WinogradConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolve(x, _kernel(weight).transpose(1, 2), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad_x = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_x = _convolve(grad, _kernel(weight.flip(2, 3)))
        if ctx.needs_input_grad[1]:
            channels, filters = x.shape[1], grad.shape[1]
            sums = x.new_zeros(IN**2, filters, channels)
            for tiles, grads in _blocks(_tiles(x, IN), _tiles(grad, OUT)):
                inputs = _both_sides(_INPUT, tiles).view(IN**2, -1, channels)
                outputs = _both_sides(_OUTPUT.T, grads).view(IN**2, -1, filters)
                sums.baddbmm_(outputs.transpose(1, 2), inputs)
            grad_weight = _both_sides(_KERNEL.T, sums.view(IN, IN, -1)).view(3, 3, filters, channels)
            grad_weight = grad_weight.permute(2, 3, 0, 1)
        if ctx.needs_input_grad[2]:
            grad_bias = grad.sum((0, 2, 3))
        return grad_x, grad_weight, grad_bias


class Conv3x3(nn.Conv2d):
    """``nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)``, faster on the CPU.

    Winograd's algorithm is taken in float32 for maps with enough channels and cells to gain by it, in training and
    evaluation; its rounding errors are 1e-5 of the largest value. Everywhere else, so on GPUs, in mixed precision and
    in exported or compiled models, this is PyTorch's convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True):
        super().__init__(in_channels, out_channels, 3, padding=1, bias=bias)
        self.frozen = False  # whether the weight is final, so that the transformed kernel can be kept
        self._kept_kernel: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self._gains(x):
            return super().forward(x)
        if not self.frozen:
            return _WinogradConv.apply(x, self.weight, self.bias)
        if self._kept_kernel is None:
            self._kept_kernel = _kernel(self.weight).transpose(1, 2).contiguous()
        return _convolve(x, self._kept_kernel, self.bias)

    def _load_from_state_dict(self, *args, **kwargs):
        self._kept_kernel = None
        super()._load_from_state_dict(*args, **kwargs)

    def _gains(self, x: Tensor) -> bool:
        # these first: what depends on the number of inputs would fix the size of an exported batch
        if torch.jit.is_tracing() or torch.compiler.is_compiling() or torch.is_autocast_enabled('cpu'):
            return False
        return (
            x.device.type == 'cpu'
            and x.dtype == self.weight.dtype == torch.float32
            and x.dim() == 4
            and x.shape[2] % OUT == 0
            and x.shape[3] % OUT == 0
            and min(self.in_channels, self.out_channels) >= 64
            and x.numel() >= enough_inputs()
        )
