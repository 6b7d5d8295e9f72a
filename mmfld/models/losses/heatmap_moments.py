"""Mean and covariance of heatmaps as distributions over [-1, 1], and principal axes in closed form."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

EPSILON = 1e-5  # of the STAR reference code: added to both sums of the covariance's denominator


class _Moments(torch.autograd.Function):
    """Sums over p = H / max(sum H, 1e-6) of each map: p, p^2, p q and p (q - mean)(q - mean)^T.

    Two passes over the maps, and a gradient that is a quadratic polynomial of the cell plus a multiple of p, written
    in one: automatic differentiation of the same sums would keep and fill a map-sized tensor for every product.
    """

    @staticmethod
    def forward(ctx, heatmaps: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        height, width = heatmaps.shape[-2:]
        x, y = _grid(width, heatmaps), _grid(height, heatmaps)
        total = heatmaps.sum((2, 3))
        scale = 1 / total.clamp(min=1e-6)
        columns, rows = heatmaps.sum(2), heatmaps.sum(3)
        mean = torch.stack([(columns * x).sum(-1), (rows * y).sum(-1)], -1) * scale[..., None]
        dx, dy = x - mean[..., :1], y - mean[..., 1:]
        # around the mean and not by a difference of raw moments, which float32 would not survive on sharp maps
        cross = (torch.matmul(heatmaps, dx[..., None])[..., 0] * dy).sum(-1)
        scatter = torch.stack([(columns * dx**2).sum(-1), cross, (rows * dy**2).sum(-1)], -1) * scale[..., None]
        flat = heatmaps.flatten(2)
        squares = torch.linalg.vector_norm(flat, dim=-1) ** 2 * scale**2
        ctx.save_for_backward(heatmaps, total, scale, mean, scatter, squares)
        return total * scale, squares, mean, scatter

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_mass: Tensor, grad_squares: Tensor, grad_mean: Tensor, grad_scatter: Tensor) -> Tensor:
        heatmaps, total, scale, mean, scatter, squares = ctx.saved_tensors
        height, width = heatmaps.shape[-2:]
        mass = total * scale
        dx = _grid(width, heatmaps) - mean[..., :1]
        dy = _grid(height, heatmaps) - mean[..., 1:]
        xx, xy, yy = grad_scatter.unbind(-1)
        # where the lower bound of the total is active the mass is not 1, and the scatter depends on the mean
        lost = 1 - mass
        mean_x, mean_y = mean.unbind(-1)
        along_x = grad_mean[..., 0] - lost * (2 * xx * mean_x + xy * mean_y)
        along_y = grad_mean[..., 1] - lost * (2 * yy * mean_y + xy * mean_x)
        constant = torch.where(
            total > 1e-6,
            -(grad_scatter * scatter).sum(-1) - 2 * grad_squares * squares,
            grad_mass + along_x * mean_x + along_y * mean_y,
        )

        def of(values: Tensor) -> Tensor:
            return (values * scale)[..., None]

        # the sum over rows and columns, constant + x and y terms + x y term, as one product of (h, 3) and (3, w)
        column_terms = of(constant) + of(along_x) * dx + of(xx) * dx**2
        row_terms = of(along_y) * dy + of(yy) * dy**2
        left = torch.stack([torch.ones_like(dy), row_terms, of(xy) * dy], -1)
        right = torch.stack([column_terms, torch.ones_like(dx), dx], -2)
        with torch.autocast(heatmaps.device.type, enabled=False):
            return torch.matmul(left, right).addcmul_(heatmaps, (2 * grad_squares * scale**2)[..., None, None])


def _grid(cells: int, like: Tensor) -> Tensor:
    return torch.linspace(-1, 1, cells, device=like.device, dtype=like.dtype)


def heatmap_moments(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of non-negative maps in [-1, 1], where -1 and 1 are the centres of the outermost cells.

    >>> maps = torch.zeros(1, 1, 5, 5)
    >>> maps[..., 2, 3] = 1.0
    >>> mean, covariance = heatmap_moments(maps)
    >>> mean.numpy().round(3).tolist()
    [[[0.5, 0.0]]]

    The covariance is that of weighted samples, sum p (q - m)(q - m)^T / (V1 - V2 / V1) with V1 = sum p + 1e-5 and
    V2 = sum p^2 + 1e-5 (STAR paper, Eq. 4; the two constants are its reference code's). Computed in float32 at least,
    also under autocast.

    Args:
        heatmaps (Tensor): (B, K, h, w), >= 0. A map that is all zero has mean and covariance 0.

    Returns:
        tuple[Tensor, Tensor]: Means (B, K, 2) and covariances (B, K, 2, 2), both in (x, y) order and differentiable
        once.
    """
    with torch.autocast(heatmaps.device.type, enabled=False):
        heatmaps = heatmaps if heatmaps.dtype == torch.float64 else heatmaps.float()
        mass, squares, mean, scatter = _Moments.apply(heatmaps)
        v1, v2 = mass + EPSILON, squares + EPSILON
        # where the total is below 1e-6 the first one can be zero or negative; elsewhere it is at least 1e-5
        denominator = torch.maximum(v1 - v2 / v1, 1 - mass + EPSILON)
        covariance = scatter / denominator[..., None]
        return mean, covariance[..., [0, 1, 1, 2]].unflatten(-1, (2, 2))


def principal_axes(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of symmetric 2 x 2 matrices, on any device and with gradients that stay finite.

    >>> eigenvalues, eigenvectors = principal_axes(torch.tensor([[4.0, 0.0], [0.0, 1.0]]))
    >>> eigenvalues.numpy().round(3).tolist(), eigenvectors[-1].abs().numpy().round(3).tolist()
    ([1.0, 4.0], [1.0, 0.0])

    The eigenvectors' gradient grows without bound towards isotropic matrices. Therefore the half difference r of the
    eigenvalues is computed as sqrt(r^2 + t^2) with t = 1e-5 * (their mean + 1e-5): the eigenvalues are exact to t, the
    vectors to t / r, and always orthonormal.

    Args:
        covariance (Tensor): (..., 2, 2) symmetric and positive semi-definite.

    Returns:
        tuple[Tensor, Tensor]: Ascending eigenvalues (..., 2) and eigenvectors (..., 2, 2) as rows, in the same order;
        so the last row is the first principal component.
    """
    a, b, c = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    middle, difference = (a + c) / 2, (a - c) / 2
    tiny = 1e-5 * (middle.detach().abs() + EPSILON)
    radius = (difference**2 + b**2 + tiny**2).sqrt()
    # of the two formulas for the direction the one without cancellation
    sum_ = radius + difference.abs()
    upright = difference < 0
    direction = torch.stack([torch.where(upright, b, sum_), torch.where(upright, sum_, b)], -1)
    major = direction / (sum_**2 + b**2).sqrt()[..., None]
    minor = torch.stack([-major[..., 1], major[..., 0]], -1)
    return torch.stack([middle - radius, middle + radius], -1), torch.stack([minor, major], -2)
