"""Curves of training losses and validation results of one or several runs in one picture.

    python tools/analysis_tools/plot_logs.py work_dirs/structured_hg4 work_dirs/star_hg4 --keys loss NME

Reads ``<work_dir>/<timestamp>/vis_data/scalars.json``, which MMEngine writes. All time stamps of a work directory are
one run (resumed); where they overlap the later one counts.
"""
import argparse
import json
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402


def read_run(work_dir: Path) -> dict:
    """``{key: {'x': 'iteration' | 'epoch', 'points': {x: value}}}`` of every scalar that a run logged.

    Raises:
        FileNotFoundError: If there is no log below ``work_dir``.
        ValueError: If a line is not JSON; names file and line.
    """
    files = sorted(work_dir.glob('*/vis_data/scalars.json'))
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
    return curves


def main(argv=None):
    parser = argparse.ArgumentParser(description='Curves of one or several runs in one picture.')
    parser.add_argument('work_dirs', type=Path, nargs='+', metavar='WORK_DIR')
    parser.add_argument('--keys', nargs='+', help='what to draw, a panel each; default: loss and NME')
    parser.add_argument('--log', action='store_true', help='logarithmic vertical axes')
    parser.add_argument('--out', type=Path, help='picture; default: curves.png in the first WORK_DIR')
    args = parser.parse_args(argv)
    runs = {work_dir: read_run(work_dir) for work_dir in args.work_dirs}
    known = sorted(set().union(*runs.values()))
    keys = args.keys or [key for key in known if key == 'loss' or key.split('/')[-1] == 'NME']
    missing = set(keys) - set(known)
    if missing or not keys:
        parser.error(f'no run logged {sorted(missing) or "loss or NME"}; logged are: {", ".join(known)}')

    figure, panels = plt.subplots(1, len(keys), figsize=(5 * len(keys), 4), squeeze=False, layout='constrained')
    for panel, key in zip(panels[0], keys):
        for work_dir, curves in runs.items():
            if key in curves:
                xs, values = zip(*sorted(curves[key]['points'].items()))
                panel.plot(xs, values, marker='.' if len(xs) < 100 else None, label=work_dir.name)
                panel.set_xlabel(curves[key]['x'])
                print(f'{work_dir.name:<30} {key:<20} last {values[-1]:.5g}  '
                      f'lowest {min(values):.5g} at {curves[key]["x"]} {xs[values.index(min(values))]}')
        panel.set_title(key)
        panel.grid(alpha=0.3)
        panel.set_yscale('log' if args.log else 'linear')
        panel.legend()
    out = args.out or args.work_dirs[0] / 'curves.png'
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=120)
    plt.close(figure)
    print(f'Saved {out}')
    return out


if __name__ == '__main__':
    main()
