"""Picture of cumulative error distributions."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from .functional import auc, ced, failure_rate


def draw_ced(errors: dict[str, np.ndarray], threshold: float = 0.1, legacy: bool = False) -> Figure:
    """Draw CED curves up to the threshold, with NME, FR and AUC of each in the legend.

    Args:
        errors (dict): Label of a curve -> errors of its images (N, ), as fractions. The curves are the exact steps.
        threshold (float): End of the x axis, and the threshold of FR and AUC, as a fraction.
        legacy (bool): FR and AUC as the STAR reference code computes them, see :mod:`mmfld.evaluation.functional`.

    Returns:
        matplotlib.figure.Figure: Without pyplot's global state; ``savefig(path)`` writes it.

    Raises:
        ValueError: If a curve has no errors, or one is negative or not finite.
    """
    figure = Figure(figsize=(8, 5.5), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for label, values in errors.items():
        x, y = ced(values)
        summary = (
            f'NME {100 * np.mean(values):.2f} %, FR {100 * failure_rate(values, threshold, legacy):.2f} %, '
            f'AUC {auc(values, threshold, legacy):.3f}'
        )
        # the last step goes on to the right border
        axes.plot(
            np.append(x, max(threshold, x[-1])), np.append(y, 1), drawstyle='steps-post', label=f'{label}: {summary}'
        )
    axes.set(xlim=(0, threshold), ylim=(0, 1.01), xlabel='NME of an image', ylabel='images with at most this NME')
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(alpha=0.3)
    # below the axes: nowhere among the curves is a place that is free for every data set
    figure.legend(loc='outside lower center', ncols=1 if len(errors) < 4 else 2, fontsize='small', frameon=False)
    return figure
