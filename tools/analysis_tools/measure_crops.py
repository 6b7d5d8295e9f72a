"""What a config's crops cut off, from annotations alone: no image is read but for the picture.

    python tools/analysis_tools/measure_crops.py CONFIG [CONFIG ...] [--out-dir FOLDER]

For the crops of the test, and for those of the training data under one draw of the config's augmentation:

* landmarks outside, and faces that have one, in percent;
* the floor of the NME, which no network can beat that cannot point outside its crop: the error of the annotations
  themselves, clamped to the crop, by the config's own metric; in percent;
* a cell, of the heatmaps or bins that the landmarks are read from, in percent of what the metric divides by.

A picture shows the eight faces that lose most, with the crop and what lies outside it.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import mmcv
import numpy as np
from benchmark_utils import config_parser, load_config
from mmengine.logging import MMLogger

from mmfld.doctor.crops import COLUMNS, Crop, faces_of, measure
from mmfld.engine.endings import run_tool


def draw(worst: Sequence[Crop]) -> plt.Figure:
    """The faces with their crops (white), landmarks inside (green) and outside (red)."""
    columns = min(len(worst), 4)
    rows = math.ceil(len(worst) / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3 * columns, 3 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis('off')
    for axis, crop in zip(axes.flat, worst):
        sample, points = crop.sample, crop.sample['keypoints'][0]
        known = sample['keypoints_visible'][0] > 0
        shown = np.concatenate([points[known], crop.corners])
        low, high = shown.min(0), shown.max(0)
        margin = 0.05 * (high - low).max()
        if Path(sample['img_path']).is_file():
            axis.imshow(mmcv.bgr2rgb(mmcv.imread(sample['img_path'])))
        axis.set_facecolor('black')
        axis.add_patch(plt.Rectangle(low - margin, *(high - low + 2 * margin), color='black', zorder=-1))
        axis.plot(*np.vstack([crop.corners, crop.corners[:1]]).T, color='white', lw=1)
        for chosen, color in ((known & ~crop.outside, 'lime'), (crop.outside, 'red')):
            axis.scatter(*points[chosen].T, s=4, color=color)
        axis.set_xlim(low[0] - margin, high[0] + margin)
        axis.set_ylim(high[1] + margin, low[1] - margin)
        axis.set_title(f'{Path(sample["img_path"]).name}: {crop.outside.sum()} outside', fontsize=7)
    figure.tight_layout()
    return figure


def main(argv: list[str] | None = None) -> dict[str, dict]:
    parser = config_parser('What the crops of configs cut off, from annotations alone.', several=True)
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/crops'), help='folder for the pictures')
    args = parser.parse_args(argv)
    MMLogger.get_current_instance().setLevel('ERROR')  # metrics tell how many images they have seen
    results = {}
    print(f'{"config":<44}{"crop":<12}' + ''.join(f'{name:>22}' for name in COLUMNS))
    for name in args.config:
        cfg = load_config(args, name)
        for kind, part in (('test', 'test'), ('augmented', 'train')):
            result = measure(cfg, faces_of(cfg[f'{part}_dataloader'].dataset))
            print(
                f'{name:<44}{kind:<12}{result["faces"]:>22}'
                + ''.join(f'{result[column]:>22.3f}' for column in COLUMNS[1:])
            )
            if result['without_nme']:
                print(f'  the metric cannot measure {result["without_nme"]} of them: they are left out of the NME')
            if result['worst']:
                path = args.out_dir / f'{Path(name).parent.name}_{Path(name).stem}_{kind}.png'
                path.parent.mkdir(parents=True, exist_ok=True)
                draw(result['worst']).savefig(path, dpi=100)
                plt.close('all')
                print(f'  the faces that lose most: {path}')
            results[f'{name}, {kind}'] = result
    return results


if __name__ == '__main__':
    sys.exit(run_tool(main))
