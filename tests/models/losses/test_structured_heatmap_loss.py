"""Structured loss: published vectors, a naive version in float64, memory, and mixed precision."""

import weakref

import numpy as np
import pytest
import torch
from mmpose.registry import MODELS
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmfld.models.losses import StructuredHeatmapLoss, margin_table, structured_heatmap_loss
from mmfld.structures import cells_to_normalized

H, W = 7, 9


def naive_margin(dx, dy, margin, unit, norm, height, width, input_size=256, threshold=0.01):
    """Delta between two cells dx and dy cells apart (structured paper, Eq. 11 and 12)."""
    per_cell = dict(
        cell=(1, 1),
        normalized=(2 / (width - 1), 2 / (height - 1)),
        pixel=(input_size / (width - 1), input_size / (height - 1)),
    )[unit]
    dx, dy = dx * per_cell[0], dy * per_cell[1]
    l1, l2 = abs(dx) + abs(dy), dx * dx + dy * dy
    distance = l2**0.5 if norm == 'l2' else l1
    smooth = 0.5 / threshold * l2 if distance < threshold else distance - 0.5 * threshold
    return dict(none=0.0, l1=l1, l2=l2, smooth_l1=smooth)[margin]


def naive_loss(scores, cells, margin='smooth_l1', alpha=1.0, temperature=1.0, unit='normalized', norm='l2'):
    """The formula as it stands: scores (B, K, h, w), cells (B, K, S, 2) -> (B, K), mean over samples."""
    batch, keypoints, height, width = scores.shape
    losses = []
    for b in range(batch):
        for k in range(keypoints):
            terms = []
            for x, y in cells[b, k].tolist():
                delta = torch.tensor(
                    [
                        [
                            naive_margin(column - x, row - y, margin, unit, norm, height, width)
                            for column in range(width)
                        ]
                        for row in range(height)
                    ],
                    dtype=scores.dtype,
                )
                augmented = (alpha * delta + scores[b, k]) / temperature
                terms.append(temperature * augmented.logsumexp((0, 1)) - scores[b, k, y, x])
            losses.append(sum(terms) / len(terms))
    return torch.stack(losses).view(batch, keypoints)


def random_case(samples=3, dtype=torch.float64, spread=1.0):
    generator = torch.Generator().manual_seed(0)
    scores = spread * torch.randn(2, 3, H, W, generator=generator, dtype=dtype)
    cells = torch.stack([torch.randint(0, side, (2, 3, samples), generator=generator) for side in (W, H)], dim=-1)
    return scores.requires_grad_(), cells


def value_and_gradient(function, scores, weights=None):
    loss = function(scores)
    weights = torch.arange(1.0, 1 + loss.numel(), dtype=loss.dtype).view_as(loss) if weights is None else weights
    return loss.detach(), torch.autograd.grad((loss * weights).sum(), scores)[0]


def test_value_equals_the_published_formula(golden_dir):
    golden = np.load(golden_dir / 'formula_vectors.npz')
    scores, cells = torch.from_numpy(golden['sl_F'])[None].double(), torch.from_numpy(golden['sl_cells'])[None]
    found = [
        structured_heatmap_loss(scores, cells, temperature=float(temperature), alpha=float(alpha))[0].tolist()
        for temperature, alpha in golden['sl_eps_alpha']
    ]
    np.testing.assert_allclose(found, golden['sl_loss'], rtol=1e-7)  # scores stored as float32


@pytest.mark.parametrize('case, channel, name', [(0, 0, 'sl_grad_first'), (3, -1, 'sl_grad_last')])
def test_gradient_equals_the_published_formula(golden_dir, case, channel, name):
    golden = np.load(golden_dir / 'formula_vectors.npz')
    scores = torch.from_numpy(golden['sl_F'])[None].double().requires_grad_()
    temperature, alpha = golden['sl_eps_alpha'][case]
    loss = structured_heatmap_loss(
        scores, torch.from_numpy(golden['sl_cells'])[None], temperature=float(temperature), alpha=float(alpha)
    )
    loss.sum().backward()
    np.testing.assert_allclose(scores.grad[0, channel].numpy(), golden[name], atol=1e-7)


@pytest.mark.parametrize('margin', ['l2', 'none'])
def test_one_dimensional_example_of_the_paper(golden_dir, margin):
    golden = np.load(golden_dir / 'formula_vectors.npz')
    scores = torch.from_numpy(golden['toy_theta']).view(1, 1, 1, 11)
    loss = structured_heatmap_loss(scores, torch.tensor([[[5, 0]]]), margin=margin, unit='cell')
    np.testing.assert_allclose(loss.item(), golden[f'toy_loss_{margin}'], rtol=1e-12)


CASES = [
    (margin, unit, 'l2') for margin in ('none', 'l1', 'l2', 'smooth_l1') for unit in ('normalized', 'cell', 'pixel')
]
CASES += [('smooth_l1', unit, 'l1') for unit in ('normalized', 'cell', 'pixel')]


@pytest.mark.parametrize('alpha, temperature', [(1.0, 1.0), (0.7, 0.3)])
@pytest.mark.parametrize('margin, unit, norm', CASES)
def test_value_and_gradient_equal_the_naive_version(margin, unit, norm, alpha, temperature):
    scores, cells = random_case()
    options = dict(margin=margin, alpha=alpha, temperature=temperature, unit=unit, norm=norm)
    ours = value_and_gradient(lambda s: structured_heatmap_loss(s, cells, **options), scores)
    naive = value_and_gradient(lambda s: naive_loss(s, cells, **options), scores)
    torch.testing.assert_close(ours, naive, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize('unit', ['normalized', 'cell', 'pixel'])
def test_small_epsilon_equals_the_naive_version(unit):
    scores, cells = random_case()
    ours = value_and_gradient(lambda s: structured_heatmap_loss(s, cells, temperature=0.01, unit=unit), scores)
    naive = value_and_gradient(lambda s: naive_loss(s, cells, temperature=0.01, unit=unit), scores)
    torch.testing.assert_close(ours, naive, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize('threshold', [0.01, 0.6])
def test_smooth_l1_below_and_above_its_threshold(threshold):
    table = margin_table(H, W, 'smooth_l1', threshold=threshold)
    expected = [
        [naive_margin(dx, dy, 'smooth_l1', 'normalized', 'l2', H, W, threshold=threshold) for dx in range(1 - W, W)]
        for dy in range(1 - H, H)
    ]
    np.testing.assert_allclose(table.numpy(), expected, atol=1e-12)


def test_input_size_is_the_unit_of_pixels():
    table = margin_table(5, 5, 'l1', unit='pixel', input_size=128)
    assert table[4, 4 + 1].item() == 32


@pytest.mark.parametrize('temperature, unit', [(1.0, 'normalized'), (0.01, 'cell')])
def test_float32_is_close_to_float64(temperature, unit):
    scores, cells = random_case(dtype=torch.float32)
    options = dict(temperature=temperature, unit=unit)
    single = value_and_gradient(lambda s: structured_heatmap_loss(s, cells, **options), scores)
    double = value_and_gradient(lambda s: structured_heatmap_loss(s, cells, **options), scores.double())
    torch.testing.assert_close(tuple(t.double() for t in single), double, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('temperature, unit', [(1.0, 'normalized'), (0.02, 'cell')])
def test_gradcheck(temperature, unit):
    scores = torch.randn(1, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    cells = torch.tensor([[[[0, 0], [3, 2]], [[1, 1], [1, 1]]]])
    assert torch.autograd.gradcheck(
        lambda s: structured_heatmap_loss(s * 0.1, cells, temperature=temperature, unit=unit, alpha=0.05),
        scores.requires_grad_(),
    )


def test_gradient_of_each_map_sums_to_zero():
    scores, cells = random_case()
    _, gradient = value_and_gradient(lambda s: structured_heatmap_loss(s, cells), scores)
    torch.testing.assert_close(gradient.sum((2, 3)), torch.zeros(2, 3, dtype=torch.float64))


def test_repeated_samples_count_as_one():
    scores, cells = random_case(samples=1)
    repeated = value_and_gradient(lambda s: structured_heatmap_loss(s, cells.repeat(1, 1, 5, 1)), scores)
    single = value_and_gradient(lambda s: structured_heatmap_loss(s, cells[:, :, 0]), scores)
    torch.testing.assert_close(repeated, single)


def test_channels_last_scores_give_the_same():
    scores, cells = random_case()
    last = scores.detach().to(memory_format=torch.channels_last).requires_grad_()
    ours = value_and_gradient(lambda s: structured_heatmap_loss(s, cells), last)
    torch.testing.assert_close(ours, value_and_gradient(lambda s: structured_heatmap_loss(s, cells), scores))


def test_scores_are_left_as_they_are():
    scores, cells = random_case()
    before = scores.detach().clone()
    structured_heatmap_loss(scores, cells).sum().backward()
    torch.testing.assert_close(scores.detach(), before, rtol=0, atol=0)


@pytest.mark.parametrize('temperature, unit', [(1.0, 'normalized'), (1.0, 'pixel'), (0.01, 'cell')])
def test_huge_scores_equal_the_naive_version(temperature, unit):
    scores, cells = random_case(spread=1e4)
    options = dict(temperature=temperature, unit=unit)
    single = scores.detach().float().requires_grad_()
    ours = value_and_gradient(lambda s: structured_heatmap_loss(s, cells, **options), single)
    naive = value_and_gradient(lambda s: naive_loss(s, cells, **options), single.detach().double().requires_grad_())
    torch.testing.assert_close(tuple(t.double() for t in ours), naive, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('temperature', [1.0, 0.01])
def test_half_precision_scores_are_computed_in_float32(dtype, temperature):
    scores, cells = random_case(dtype=torch.float32, spread=100.0)
    half = scores.detach().to(dtype).requires_grad_()
    loss = StructuredHeatmapLoss(temperature=temperature)
    targets = cells_to_normalized(cells.float(), (W, H), 'align_corners')
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value, gradient = value_and_gradient(lambda s: loss(s, targets), half)
    expected, expected_gradient = value_and_gradient(lambda s: loss(s, targets), half.detach().float().requires_grad_())
    assert (value.dtype, gradient.dtype) == (torch.float32, dtype)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient.to(dtype))


class PeakMemory(TorchDispatchMode):
    """Bytes of the tensors alive at once, of those that came up inside."""

    def __init__(self):
        super().__init__()
        self.live, self.peak, self.known = 0, 0, set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self.known:
                storage = tensor.untyped_storage()
                self.known.add(storage._cdata)
                self.live += storage.nbytes()
                weakref.finalize(storage, self.freed, storage._cdata, storage.nbytes())
        self.peak = max(self.peak, self.live)
        return out

    def freed(self, key, nbytes):
        self.known.discard(key)
        self.live -= nbytes


def peak_of(samples: int, **options) -> int:
    scores = torch.randn(2, 10, 64, 64, requires_grad=True)
    targets = torch.rand(2, 10, samples, 2) * 2 - 1
    with PeakMemory() as memory:
        StructuredHeatmapLoss(**options)(scores, targets).backward()
    return memory.peak


@pytest.mark.parametrize('options', [{}, dict(temperature=0.01, unit='cell')])
def test_memory_does_not_grow_with_the_samples(options):
    # from the second sample on there is one buffer more, that of the sample before
    assert peak_of(50, **options) < 1.3 * peak_of(1, **options)


def test_memory_is_a_few_maps():
    assert peak_of(10) < 6.5 * (2 * 10 * 64 * 64 * 4)  # one of them the scores


def test_module_is_the_mean_over_batch_landmarks_and_samples():
    scores, cells = random_case()
    targets = cells_to_normalized(cells.double(), (W, H), 'align_corners')
    torch.testing.assert_close(
        StructuredHeatmapLoss(loss_weight=3.0)(scores, targets), 3 * naive_loss(scores, cells).mean()
    )


def test_module_without_a_sample_axis():
    scores, cells = random_case(samples=1)
    targets = cells_to_normalized(cells.double(), (W, H), 'align_corners')
    loss = StructuredHeatmapLoss()
    torch.testing.assert_close(loss(scores, targets[:, :, 0]), loss(scores, targets))


@pytest.mark.parametrize('grid', ['align_corners', 'half_pixel'])
def test_targets_snap_to_the_nearest_cell_of_the_grid(grid):
    scores, cells = random_case()
    shift = (torch.rand(cells.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 0.5) * 0.98
    targets = cells_to_normalized(cells + shift, (W, H), grid)
    torch.testing.assert_close(StructuredHeatmapLoss(grid=grid)(scores, targets), naive_loss(scores, cells).mean())


def test_targets_outside_snap_to_the_border():
    scores, _ = random_case(samples=1)
    targets = torch.tensor([-3.0, 1.5], dtype=torch.float64).expand(2, 3, 2)
    corner = torch.tensor([0, H - 1]).expand(2, 3, 1, 2)
    torch.testing.assert_close(StructuredHeatmapLoss()(scores, targets), naive_loss(scores, corner).mean())


def test_keypoint_weights_leave_landmarks_out():
    scores, cells = random_case()
    targets = cells_to_normalized(cells.double(), (W, H), 'align_corners')
    weights = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]], dtype=torch.float64)
    loss = StructuredHeatmapLoss()(scores, targets, weights)
    torch.testing.assert_close(loss, (naive_loss(scores, cells) * weights).mean())


def test_a_landmark_of_weight_zero_gets_no_gradient():
    scores, cells = random_case()
    targets = cells_to_normalized(cells.double(), (W, H), 'align_corners')
    weights = torch.ones(2, 3, dtype=torch.float64)
    weights[1, 2] = 0
    StructuredHeatmapLoss()(scores, targets, weights).backward()
    assert (scores.grad.abs().sum((2, 3)) > 0).tolist() == [[True] * 3, [True, True, False]]


def test_defaults_are_the_papers():
    loss = MODELS.build(dict(type='StructuredHeatmapLoss'))
    assert (loss.margin, loss.alpha, loss.temperature, loss.margin_options['threshold']) == ('smooth_l1', 1, 1, 0.01)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(margin='l3'), "unknown margin 'l3', expected one of"),
        (dict(unit='cells'), "unknown unit 'cells', expected one of"),
        (dict(norm='max'), "unknown norm 'max', expected 'l1' or 'l2'"),
        (dict(temperature=0.0), 'temperature must be positive, got 0.0'),
        (dict(temperature=-1.0), 'temperature must be positive, got -1.0'),
        (dict(temperature=float('nan')), 'temperature must be positive, got nan'),
        (dict(temperature=float('inf')), 'temperature must be positive, got inf'),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        StructuredHeatmapLoss(**options)


@pytest.mark.parametrize('targets', [(2, 4, 2), (1, 3, 2), (2, 3, 5, 3), (2, 3, 1, 5, 2)])
def test_targets_of_the_wrong_shape(targets):
    with pytest.raises(ValueError, match=r'expected scores \(B, K, h, w\) and targets .* got \(2, 3, 7, 9\)'):
        structured_heatmap_loss(random_case()[0], torch.zeros(targets, dtype=torch.long))


def test_unknown_grid():
    with pytest.raises(ValueError, match="unknown grid 'corners'"):
        StructuredHeatmapLoss(grid='corners')(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2))
