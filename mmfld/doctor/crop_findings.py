"""What the crop of a config cuts off of the landmarks, and whether its metric can measure all faces."""

from collections.abc import Iterator

from mmengine import Config
from mmpose.registry import METRICS

from ..counts import how_many
from ..repository import runnable
from .crops import COLUMNS, measure
from .finding import Finding, error, note, warning
from .parts import Part

FLOOR = 0.05  # percent of NME: what a paper's last digit but one could hide


def look_at_norms(cfg: Config, part: Part) -> Iterator[Finding]:
    """Whether the evaluation of a data set stops at faces without the landmarks that the metric divides by."""
    evaluators = cfg.get(f'{part.name.split(",")[0]}_evaluator')
    if part.dataset is None or not evaluators:
        return
    for evaluator in [evaluators] if isinstance(evaluators, dict) else evaluators:
        metric = METRICS.build(dict(evaluator, out_dir=None))
        if hasattr(metric, 'check_faces'):
            try:
                metric.check_faces(part.faces(), str(part.ann_file))
            except ValueError as fault:
                yield error(part.name, str(fault))


def look_at_crops(cfg: Config, part: Part) -> Iterator[Finding]:
    """Findings about the crops of one data set, those of the training under one draw of the augmentation."""
    if part.dataset is None or not len(part.dataset) or 'codec' not in cfg or not part.config.get('pipeline'):
        return
    try:
        found = measure(cfg, part.cropped())
    except Exception as fault:  # of whatever pipeline and metric
        yield note(part.name, f'not measured: what the crop cuts off ({type(fault).__name__}: {fault})')
        return
    _, outside, cut, floor, _ = (found[column] for column in COLUMNS)
    augmented = ' with the augmentation' if part.name == 'train' else ''
    text = f'the crop{augmented} leaves out {outside:.2f} % of the landmarks, of {cut:.1f} % of the faces'
    left_out = found['without_nme']
    of_which = f', without the {how_many(left_out, "face")} that the metric cannot measure' if left_out else ''
    if part.name == 'train':
        yield note(part.name, text)
    elif left_out == found['faces']:
        yield note(part.name, f'{text} (of which NME is not known, as the metric can measure none of them)')
    elif floor > FLOOR:
        yield warning(
            part.name,
            f'{text}: no network that stays in its crop has an NME below {floor:.3f} %{of_which}',
            'crop=dict(rule="longer_side", padding=1.05) in the config; '
            f'{runnable("tools/analysis_tools/measure_crops.py")} draws the faces that lose most',
        )
    else:
        yield note(part.name, f'{text} (NME of at least {floor:.3f} %{of_which})')
