"""The losses by plain automatic differentiation of their formulas as printed.

Nothing is done for speed; that of STAR goes the way of its reference code, with ``torch.linalg.eigh`` on the CPU. The
benchmark command measures the losses beside them, and the tests hold that both give the same.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmfld.structures import FaceLayout


def naive_star_loss(heatmaps: Tensor, targets: Tensor) -> Tensor:
    """STAR loss with smooth-l1 distance and value restriction (STAR paper, Eq. 1, 4, 6 and 7)."""
    mean, covariance = naive_moments(heatmaps)
    eigenvalues, eigenvectors = torch.linalg.eigh(covariance.cpu())
    eigenvalues, eigenvectors = eigenvalues.to(mean), eigenvectors.to(mean)
    errors = targets - mean
    loss = 0
    for k in range(2):
        projection = (eigenvectors[..., k] * errors).sum(-1, keepdim=True)
        loss = loss + naive_smooth_l1(projection) / (eigenvalues[..., k] + 1e-5).sqrt()
    return (loss + eigenvalues.abs().sum(-1)).mean()


def naive_moments(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Means (B, K, 2) and covariances (B, K, 2, 2) in [-1, 1] of maps (B, K, h, w) (STAR paper, Eq. 1 and 4)."""
    height, width = heatmaps.shape[2:]
    p = heatmaps / heatmaps.sum((2, 3), keepdim=True).clamp(min=1e-6)
    grid = torch.stack(torch.meshgrid(torch.linspace(-1, 1, width), torch.linspace(-1, 1, height), indexing='xy'))
    grid = grid.to(p)  # (2, h, w)
    mean = (p[:, :, None] * grid).sum((3, 4))
    offsets = (grid - mean[..., None, None]).flatten(3)  # (B, K, 2, h w)
    covariance = torch.matmul(p.flatten(2)[:, :, None] * offsets, offsets.transpose(2, 3))
    v1, v2 = p.sum((2, 3)) + 1e-5, (p**2).sum((2, 3)) + 1e-5
    return mean, covariance / (v1 - v2 / v1)[..., None, None]


def naive_smooth_l1(errors: Tensor, threshold: float = 0.01) -> Tensor:
    """Of the lengths of vectors (..., D) (STAR paper, Eq. 8)."""
    squared = (errors**2).sum(-1)
    length = squared.clamp(min=1e-6).sqrt()
    return torch.where(length < threshold, 0.5 / threshold * squared, length - 0.5 * threshold)


def naive_soft_argmax_loss(heatmaps: Tensor, targets: Tensor) -> Tensor:
    """Smooth-l1 distance of the mean (STAR paper, Eq. 1 and 2)."""
    height, width = heatmaps.shape[2:]
    p = heatmaps / heatmaps.sum((2, 3), keepdim=True).clamp(min=1e-6)
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing='ij')
    mean = torch.stack([(p * x.to(p)).sum((2, 3)), (p * y.to(p)).sum((2, 3))], -1)
    return naive_smooth_l1(mean - targets).mean()


def naive_anisotropic_direction_loss(heatmaps: Tensor, targets: Tensor, layout: FaceLayout) -> Tensor:
    """ADL of ADNet, with the variances' ratio of the heatmap, landmark by landmark on every boundary."""
    tangents = {}
    for boundary in layout.boundaries:
        ring = boundary.indices
        for n, k in enumerate(ring):
            if k in tangents:
                continue
            following = ring[(n + 1) % len(ring)] if boundary.closed or n + 1 < len(ring) else None
            previous = ring[n - 1] if boundary.closed or n > 0 else None
            ahead = F.normalize(targets[:, following] - targets[:, k], dim=-1) if following is not None else 0
            behind = F.normalize(targets[:, k] - targets[:, previous], dim=-1) if previous is not None else 0
            tangents[k] = F.normalize(ahead + behind, dim=-1)
    mean, covariance = naive_moments(heatmaps)
    losses = []
    for k in range(layout.num_keypoints):
        error = mean[:, k] - targets[:, k]
        if k in tangents:
            along = tangents[k]
            across = torch.stack([-along[:, 1], along[:, 0]], -1)
            axes = torch.stack([along, across], -2)
            variances = (axes @ covariance[:, k] @ axes.transpose(1, 2)).detach().diagonal(dim1=1, dim2=2)
            ratio = (variances[:, 0] / variances[:, 1]).clamp(1, 9)[:, None]
            error = torch.cat(
                [
                    (2 / (ratio + 1)).sqrt() * (error * along).sum(-1, keepdim=True),
                    (2 * ratio / (ratio + 1)).sqrt() * (error * across).sum(-1, keepdim=True),
                ],
                -1,
            )
        losses.append(naive_smooth_l1(error))
    return torch.stack(losses).mean()


def naive_distribution_regularization(heatmaps: Tensor, targets: Tensor, sigma: float = 1.0) -> Tensor:
    """Jensen-Shannon divergence to a Gaussian of ``sigma`` cells (Nibali et al., 2018)."""
    height, width = heatmaps.shape[2:]
    p = heatmaps / heatmaps.sum((2, 3), keepdim=True).clamp(min=1e-6)
    y, x = torch.meshgrid(torch.arange(height).to(p), torch.arange(width).to(p), indexing='ij')
    centre_x = (targets[..., 0, None, None] + 1) * (width - 1) / 2
    centre_y = (targets[..., 1, None, None] + 1) * (height - 1) / 2
    q = torch.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * sigma**2))
    q = q / q.sum((2, 3), keepdim=True)
    log_p, log_q, log_middle = ((maps + 1e-24).log() for maps in (p, q, (p + q) / 2))
    return (p * (log_p - log_middle) + q * (log_q - log_middle)).sum((2, 3)).mean() / 2


def naive_structured_heatmap_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """Structured paper, Eq. 11-13 with alpha = epsilon = 1, sample by sample of targets (B, K, S, 2)."""
    batch, keypoints, height, width = scores.shape
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing='ij')
    grid = torch.stack([x, y], -1).to(scores)
    last = grid.new_tensor([width - 1, height - 1])
    loss = 0
    for target in targets.unbind(2):
        cell = ((target + 1) / 2 * last).round()
        margin = naive_smooth_l1(grid - (2 * cell / last - 1)[:, :, None, None])
        flat = (cell[..., 1] * width + cell[..., 0]).long()
        annotated = scores.flatten(2).gather(2, flat[..., None])[..., 0]
        loss = loss + ((margin + scores).flatten(2).logsumexp(2) - annotated).mean()
    return loss / targets.shape[2]


def naive_weighted_adaptive_wing_loss(output: Tensor, target: Tensor) -> Tensor:
    """AWing (ICCV 2019), Eq. 4, 5 and 9, with a mask for each branch."""
    alpha, omega, epsilon, theta = 2.1, 14, 1, 0.5
    delta = (output - target).abs()
    exponent = alpha - target
    power = torch.pow(torch.full_like(target, theta / epsilon), exponent)
    slope = omega / (1 + power) * exponent * torch.pow(torch.full_like(target, theta / epsilon), exponent - 1) / epsilon
    offset = theta * slope - omega * torch.log(1 + power)
    small, large = delta < theta, delta >= theta
    loss = torch.zeros_like(output)
    loss[small] = omega * torch.log(1 + torch.pow(delta[small] / epsilon, exponent[small]))
    loss[large] = slope[large] * delta[large] - offset[large]
    near = F.max_pool2d(target, 3, stride=1, padding=1) >= 0.2
    return (loss * (1 + 10 * near)).mean()
