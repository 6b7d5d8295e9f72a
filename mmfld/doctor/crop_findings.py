"""What the crop of a config cuts off of the landmarks."""
from typing import Iterator

from mmengine import Config

from .crops import COLUMNS, measure
from .finding import Finding, note, warning
from .parts import Part

FLOOR = 0.05  # percent of NME: what a paper's last digit but one could hide


def look_at_crops(cfg: Config, part: Part) -> Iterator[Finding]:
    """Findings about the crops of one data set, those of the training under one draw of the augmentation."""
    if part.dataset is None or not len(part.dataset) or 'codec' not in cfg or not part.config.get('pipeline'):
        return
    try:
        found = measure(cfg, part.cropped())
    except Exception as fault:  # such as a face without the landmarks that the metric divides by
        yield note(part.name, f'not measured: what the crop cuts off ({type(fault).__name__}: {fault})')
        return
    _, outside, cut, floor, _ = (found[column] for column in COLUMNS)
    augmented = ' with the augmentation' if part.name == 'train' else ''
    text = f'the crop{augmented} leaves out {outside:.2f} % of the landmarks, of {cut:.1f} % of the faces'
    if part.name == 'train':
        yield note(part.name, text)
    elif floor > FLOOR:
        yield warning(part.name, f'{text}: no network that stays in its crop has an NME below {floor:.3f} %',
                      'crop=dict(rule="longer_side", padding=1.05) in the config; '
                      'tools/analysis_tools/measure_crops.py draws the faces that lose most')
    else:
        yield note(part.name, f'{text} (NME of at least {floor:.3f} %)')
