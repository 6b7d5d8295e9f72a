"""Soft-argmax against the structured loss on a heatmap of 11 cells (Yang and Yeh, ICCV 2025, section 5.1 and Fig. 2).

    python projects/simplified_model/run.py [--out work_dirs/simplified_model]

The heatmap is the parameter vector theta itself; gradient descent moves it towards the label y = 5 from a bimodal start
with peaks at cells 9 and 1. Writes ``panels.png`` and ``numbers.json``, and prints the numbers. The paper gives neither
the start nor the learning rates: see :func:`bimodal` and :func:`choose_rate`; both are varied as well.
"""

import argparse
import itertools
import json
from pathlib import Path

import matplotlib

from mmfld.models.losses import structured_heatmap_loss

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402
import mmengine  # noqa: E402
import torch  # noqa: E402
from torch import Tensor  # noqa: E402

CELLS, TARGET = 11, 5
PANEL_STEPS = (10, 20, 50)
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
MANY_STEPS = 2000
RANDOM_STARTS = 200
POSITIONS = torch.arange(CELLS, dtype=torch.float64)


def bimodal(height_9=1.5, height_1=1.0, width=1.0) -> Tensor:
    """(..., 11) float64 sum of two Gaussian bumps, at cells 9 and 1; heights and width are floats or (..., 1)."""
    return height_9 * torch.exp(-0.5 * ((POSITIONS - 9) / width) ** 2) + height_1 * torch.exp(
        -0.5 * ((POSITIONS - 1) / width) ** 2
    )


def soft_argmax(theta: Tensor) -> Tensor:
    """Eq. 3: (B, 11) -> (B, ), in cells."""
    return theta.softmax(-1) @ POSITIONS


def soft_argmax_loss(theta: Tensor) -> Tensor:
    """Eq. 4: (B, 11) -> (B, )."""
    return (soft_argmax(theta) - TARGET) ** 2


def structured_loss(theta: Tensor) -> Tensor:
    """Eq. 11 with the squared distance in cells as the margin: (B, 11) -> (B, )."""
    cells = torch.tensor([TARGET, 0]).expand(len(theta), 1, 2)
    return structured_heatmap_loss(theta[:, None, None], cells, margin='l2', unit='cell')[:, 0]


LOSSES = {'soft_argmax': soft_argmax_loss, 'structured': structured_loss}


def descend(loss, theta: Tensor, rate: float, steps: int) -> dict:
    """Gradient descent on each row of ``theta`` (B, 11).

    Returns:
        dict: ``theta`` (steps + 1, B, 11), ``update`` (steps + 1, B, 11), what the next step adds to theta, and
        ``loss`` (steps + 1, B).
    """
    trace = dict(theta=[], update=[], loss=[])
    for _ in range(steps + 1):
        theta = theta.detach().requires_grad_()
        value = loss(theta)
        (gradient,) = torch.autograd.grad(value.sum(), theta)
        for name, entry in (('theta', theta), ('update', -rate * gradient), ('loss', value)):
            trace[name].append(entry.detach())
        theta = theta - rate * gradient
    return {name: torch.stack(entries) for name, entries in trace.items()}


def choose_rate(loss) -> float:
    """The smallest of RATES with which the loss is below a tenth of its start at the last panel.

    The same rule for both losses: each has finished most of its work within the figure, and is not over before it.
    """
    for rate in RATES:
        values = descend(loss, bimodal()[None], rate, PANEL_STEPS[-1])['loss']
        if values[-1] < 0.1 * values[0]:
            return rate
    raise RuntimeError(f'no rate of {RATES} reduces the loss to a tenth in {PANEL_STEPS[-1]} steps')


def step_of_arrival(theta: Tensor):
    """First step from which on the argmax of (steps + 1, 1, 11) stays at the target; None if it ends elsewhere."""
    wrong = (theta[:, 0].argmax(-1) != TARGET).nonzero()
    first = int(wrong[-1]) + 1 if len(wrong) else 0
    return first if first < len(theta) else None


def measure(trace: dict) -> dict:
    """Numbers behind the claims of section 5.1, for one run over the steps of the figure."""
    theta, update = trace['theta'][:, 0], trace['update'][:-1, 0]
    others = [cell for cell in range(CELLS) if cell != TARGET]
    top = theta.topk(2, dim=-1).values
    signs = update.sign()
    return dict(
        target_up=float((update[:, TARGET] > 0).double().mean()),
        all_others_down=float((update[:, others] < 0).all(-1).double().mean()),
        others_up=float((update[:, others] > 0).double().mean()),
        sign_changes=int((signs[1:] != signs[:-1]).any(0).sum()),
        target_share=float((update[:, TARGET].abs() / update.abs().amax(-1)).median()),
        panels={
            step: dict(
                argmax=int(theta[step].argmax()),
                gap=float(top[step, 0] - top[step, 1]),
                lead_of_target=float(theta[step, TARGET] - theta[step, others].max()),
                soft_argmax=float(soft_argmax(theta[step])),
                loss=float(trace['loss'][step, 0]),
            )
            for step in PANEL_STEPS
        },
    )


def draw(traces: dict, rates: dict, path: Path) -> None:
    """The six panels of Fig. 2: arrows point where the next step moves a cell, shafts are scaled in each panel."""
    figure, axes = plt.subplots(2, 3, figsize=(11, 5.6), sharex=True, sharey='row', layout='constrained')
    titles = {'soft_argmax': 'l2 + Soft-argmax', 'structured': 'structured'}
    for row, (name, trace) in enumerate(traces.items()):
        shown = trace['theta'][list(PANEL_STEPS), 0]
        low, high = float(shown.min().clamp(max=0)), float(shown.max())
        for column, step in enumerate(PANEL_STEPS):
            axis, theta, update = axes[row, column], trace['theta'][step, 0], trace['update'][step, 0]
            peak = int(theta.argmax())
            axis.bar(range(CELLS), theta, color=['C1' if cell == peak else '0.75' for cell in range(CELLS)])
            axis.axvline(TARGET, color='C0', linestyle=':', zorder=0)
            for cell in range(CELLS):
                # an arrow head for each sign, a shaft in proportion to the size of the update
                length = (high - low) * (0.07 + 0.15 * float(update[cell].abs() / update.abs().max()))
                up = update[cell] > 0
                base = float(theta[cell])
                axis.annotate(
                    '',
                    (cell, base + (length if up else -length)),
                    (cell, base),
                    arrowprops=dict(arrowstyle='-|>', color='C2' if up else 'C3', shrinkA=0, shrinkB=0),
                )
            axis.set_title(
                f'({"abcdef"[3 * row + column]}) {titles[name]}, rate {rates[name]:g}, step {step}\n'
                f'argmax {peak}, largest update {float(update.abs().max()):.1g}',
                fontsize=9,
            )
            axis.set_ylim(low - 0.3 * (high - low), high + 0.3 * (high - low))
            axis.set_xticks(range(CELLS))
        axes[row, 0].set_ylabel('theta')
    for axis in axes[1]:
        axis.set_xlabel('cell (dotted: y = 5, orange: argmax)')
    figure.savefig(path, dpi=90)
    plt.close(figure)


def main(argv=None) -> dict:
    parser = argparse.ArgumentParser(description='Soft-argmax against the structured loss on a heatmap of 11 cells.')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/simplified_model'))
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)

    rates = {name: choose_rate(loss) for name, loss in LOSSES.items()}
    traces = {name: descend(loss, bimodal()[None], rates[name], PANEL_STEPS[-1]) for name, loss in LOSSES.items()}
    draw(traces, rates, args.out / 'panels.png')

    generator = torch.Generator().manual_seed(0)
    peak, ratio, width = torch.rand(3, RANDOM_STARTS, 1, generator=generator, dtype=torch.float64)
    starts = bimodal(1 + 4 * peak, (1 + 4 * peak) * (0.5 + 0.5 * ratio), 0.5 + 1.5 * width)
    starts = torch.cat((bimodal()[None], starts))  # the start of the figure is row 0
    arrivals, successes = {name: {} for name in LOSSES}, {name: {} for name in LOSSES}
    for rate, (name, loss) in mmengine.track_iter_progress(list(itertools.product(RATES, LOSSES.items()))):
        theta = descend(loss, starts, rate, MANY_STEPS)['theta']
        arrivals[name][rate] = step_of_arrival(theta[:, :1])
        successes[name][rate] = float((theta[-1, 1:].argmax(-1) == TARGET).double().mean())

    # section 4.1: the loss of Eq. 4 cannot tell these two apart, although y = 2
    unimodal, two_peaks = torch.tensor([[0, 0, 1, 0, 0], [0.4, 0.1, 0, 0.1, 0.4]], dtype=torch.float64)
    places = torch.arange(5, dtype=torch.float64)
    numbers = dict(
        rates=rates,
        claims={name: dict(measure(trace), arrival=arrivals[name][rates[name]]) for name, trace in traces.items()},
        arrival_by_rate=arrivals,
        success_by_rate=successes,
        section_4_1={
            name: dict(loss=float((heatmap @ places - 2) ** 2), argmax=int(heatmap.argmax()))
            for name, heatmap in (('unimodal', unimodal), ('bimodal', two_peaks))
        },
    )
    print()
    report(numbers)
    (args.out / 'numbers.json').write_text(json.dumps(numbers, indent=1) + '\n')
    print(f'\nSaved {args.out / "panels.png"} and {args.out / "numbers.json"}')
    return numbers


def report(numbers: dict) -> None:
    for name, claim in numbers['claims'].items():
        print(
            f'{name}, rate {numbers["rates"][name]:g}, steps 0-{PANEL_STEPS[-1] - 1}\n'
            f'  theta_5 rises in {claim["target_up"]:.0%} of the steps, all others fall in '
            f'{claim["all_others_down"]:.0%}; {claim["others_up"]:.0%} of the updates of the others are upwards, '
            f'{claim["sign_changes"]} cells change sign\n'
            f'  update of theta_5 / largest update, median: {claim["target_share"]:.2g}\n'
            f'  argmax is 5 from step: {claim["arrival"]}'
        )
        for step, panel in claim['panels'].items():
            print(f'  step {step}: ' + ', '.join(f'{key} {value:.4g}' for key, value in panel.items()))
    starts = f'{RANDOM_STARTS} random starts, argmax 5 at the end'
    print(f'\n{"rate":>6}  {"argmax stays 5 from step":^27}  {starts:^39}')
    print(f'{"":>6}  {"soft-argmax":>13} {"structured":>13}  {"soft-argmax":>19} {"structured":>19}')
    for rate in RATES:
        steps = [numbers['arrival_by_rate'][name][rate] for name in LOSSES]
        shares = [numbers['success_by_rate'][name][rate] for name in LOSSES]
        print(
            f'{rate:>6g}  '
            + ' '.join(f'{step or "never":>13}' for step in steps)
            + '  '
            + ' '.join(f'{share:>19.1%}' for share in shares)
        )
    for name, case in numbers['section_4_1'].items():
        print(f'section 4.1, y = 2, {name}: Soft-argmax loss {case["loss"]:.3g}, argmax {case["argmax"]}')


if __name__ == '__main__':
    main()
