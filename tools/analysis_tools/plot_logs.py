"""Curves of training losses and validation results of one or several runs in one picture.

python tools/analysis_tools/plot_logs.py work_dirs/structured_hg4 work_dirs/star_hg4 --keys loss NME
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402

from mmfld.visualization import read_training_log  # noqa: E402


def main(argv=None):
    parser = argparse.ArgumentParser(description='Curves of one or several runs in one picture.')
    parser.add_argument('work_dirs', type=Path, nargs='+', metavar='WORK_DIR')
    parser.add_argument('--keys', nargs='+', help='what to draw, a panel each; default: loss and NME')
    parser.add_argument('--log', action='store_true', help='logarithmic vertical axes')
    parser.add_argument('--out', type=Path, help='picture; default: curves.png in the first WORK_DIR')
    args = parser.parse_args(argv)
    runs = {work_dir: read_training_log(work_dir) for work_dir in args.work_dirs}
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
                print(
                    f'{work_dir.name:<30} {key:<20} last {values[-1]:.5g}  '
                    f'lowest {min(values):.5g} at {curves[key]["x"]} {xs[values.index(min(values))]}'
                )
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
