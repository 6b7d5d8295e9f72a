"""Reads back the scalars that MMEngine logs during a run."""

import json
from collections import defaultdict
from pathlib import Path


def read_training_log(work_dir: str | Path) -> dict:
    """All scalars of a run.

    Reads ``<work_dir>/<timestamp>/vis_data/scalars.json``, which MMEngine writes. All time stamps of a work directory
    are one run (resumed); where they overlap the later one counts.

    Returns:
        dict: ``{key: {'x': 'iteration' | 'epoch', 'points': {x: value}}}``.

    Raises:
        FileNotFoundError: If there is no log below ``work_dir``.
        ValueError: If a line is not JSON; names file and line.
    """
    files = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    if not files:
        raise FileNotFoundError(f'{work_dir}: no */vis_data/scalars.json, expected the work directory of a run')
    curves = defaultdict(lambda: dict(x='epoch', points={}))
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            try:
                scalars = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f'{file}, line {number}: not JSON ({error})') from None
            # training lines tell their iteration; validation lines only a step, which is the epoch
            axis = 'iteration' if 'iter' in scalars else 'epoch'
            for key, value in scalars.items():
                if key not in ('step', 'iter', 'epoch'):
                    curves[key]['x'] = axis
                    curves[key]['points'][scalars['step']] = value
    return dict(curves)
