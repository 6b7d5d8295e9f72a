"""Contact sheets of a data set, with its landmarks drawn.

    python tools/misc/browse_dataset.py configs/wflw/structured_hg4.py --num 16 --out work_dirs/browse

``--mode original`` shows the annotated faces as they are on disk, ``--mode transformed`` the network input after
augmentation and, beside it, each heatmap target of the codec (largest value over the channels; its cells are laid
over the image border to border). A clip of a FaceVideoDataset is shown as a row of frames, with the targets below them.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import mmfld  # noqa: F401  before MMPose: prepares the environment and registers the components

# isort: split
import cv2
import mmcv
import mmengine
import numpy as np
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from mmfld.datasets import LoadVideoFrame
from mmfld.engine.endings import run_tool
from mmfld.engine.options import OptionsAction
from mmfld.engine.rows import read_config

TILE = 320  # pixels
TARGETS = ('edge_heatmaps', 'point_heatmaps', 'heatmaps')  # fields of ``gt_fields`` that are worth a tile


def to_tile(image: np.ndarray, points: np.ndarray, corner, side: float):
    """A square of an image, scaled to a tile, and the points (..., 2) in pixels of the tile."""
    scale = TILE / side
    # pixel centres are at integers: the square's border at corner - 0.5 becomes the tile's at -0.5
    shift = 0.5 * scale - 0.5 - scale * np.asarray(corner, np.float64)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    tile = cv2.warpAffine(image, matrix, (TILE, TILE), flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return tile, (points * scale + shift).astype(np.float32)


def draw(visualizer: PoseLocalVisualizer, tile: np.ndarray, points: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Landmarks (N, K, 2) on an RGB tile, by MMPose's visualizer."""
    instances = InstanceData(keypoints=points, keypoints_visible=visible.reshape(points.shape[:2]))
    return visualizer.add_datasample('tile', tile, PoseDataSample(gt_instances=instances), draw_pred=False)


def original_tiles(item: dict, visualizer: PoseLocalVisualizer) -> list:
    """The face as on disk: a square of twice the size of its box."""
    image = np.ascontiguousarray(LoadVideoFrame()(dict(item))['img'][..., ::-1])
    x1, y1, x2, y2 = item['bbox'].reshape(-1, 4)[0]
    side = 2 * max(x2 - x1, y2 - y1)
    corner = ((x1 + x2 - side) / 2, (y1 + y2 - side) / 2)
    return [draw(visualizer, *to_tile(image, item['keypoints'], corner, side), item['keypoints_visible'])]


def transformed_tiles(item: dict, visualizer: PoseLocalVisualizer) -> list:
    """The network input, then one tile for each target map."""
    image = item['inputs'].permute(1, 2, 0).numpy().clip(0, 255).astype(np.uint8)[..., ::-1]
    sample = item['data_samples']
    instances = sample.gt_instances
    tile, points = to_tile(np.ascontiguousarray(image), instances.transformed_keypoints, (0, 0), max(image.shape[:2]))
    tiles = [draw(visualizer, tile, points, instances.keypoints_visible)]
    for name in TARGETS:
        if name in sample.get('gt_fields', ()):
            heatmap, _ = to_tile(
                sample.gt_fields.get(name).amax(0).numpy(), points, (0, 0), max(sample.gt_fields.get(name).shape[1:])
            )
            color = cv2.applyColorMap((heatmap.clip(0, 1) * 255).astype(np.uint8), cv2.COLORMAP_JET)[..., ::-1]
            tiles.append(cv2.addWeighted(tile, 0.5, np.ascontiguousarray(color), 0.5, 0))
    return tiles


def arrange(item, make_tiles: Callable, visualizer: PoseLocalVisualizer) -> np.ndarray:
    """The tiles of a face beside each other, or those of each frame of a clip below each other."""
    if isinstance(item, list):
        return np.concatenate([np.concatenate(make_tiles(frame, visualizer)) for frame in item], axis=1)
    return np.concatenate(make_tiles(item, visualizer), axis=1)


def describe(item) -> str:
    """File of a face, or video and frames of a clip."""
    if isinstance(item, list):
        first, last = (frame.get('data_samples', frame) for frame in (item[0], item[-1]))
        return f'video {first.get("video")}, frames {first.get("frame")} to {last.get("frame")}'
    return Path(item.get('data_samples', item).get('img_path')).name[-40:]


def caption(tile: np.ndarray, text: str) -> np.ndarray:
    tile = cv2.copyMakeBorder(tile, 18, 2, 1, 1, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    return cv2.putText(tile, text, (3, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)


def main(argv=None):
    parser = argparse.ArgumentParser(description='Contact sheets of a data set, with its landmarks drawn.')
    parser.add_argument('config', help='MMPose-style config file')
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='train')
    parser.add_argument('--num', type=int, default=16, help='faces or clips, spread evenly over the data set')
    parser.add_argument('--mode', choices=('original', 'transformed'), default='transformed')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR')
    parser.add_argument('--per-sheet', type=int, default=16)
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction, default={}, help='override settings')
    args = parser.parse_args(argv)
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmpose'))

    dataset_cfg = cfg[f'{args.split}_dataloader'].dataset
    if args.mode == 'original':
        dataset_cfg.pipeline = []
    else:
        dataset_cfg.pipeline[-1].pack_transformed = True  # PackPoseInputs: keep the augmented landmarks
    dataset = DATASETS.build(dataset_cfg)
    visualizer = PoseLocalVisualizer(radius=2, line_width=1)
    visualizer.set_dataset_meta(dataset.metainfo)
    make_tiles = original_tiles if args.mode == 'original' else transformed_tiles

    args.out.mkdir(parents=True, exist_ok=True)
    indices = np.linspace(0, len(dataset) - 1, min(args.num, len(dataset))).round().astype(int).tolist()
    strips = []
    for index in mmengine.track_iter_progress(indices):
        item = dataset[index]
        strips.append(caption(arrange(item, make_tiles, visualizer), f'{index}  {describe(item)}'))
    # the last clip of a video may be shorter
    width = max(strip.shape[1] for strip in strips)
    strips = [np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0)), constant_values=255) for strip in strips]

    sheets = []
    for first in range(0, len(strips), args.per_sheet):
        page = strips[first : first + args.per_sheet]
        columns = min(len(page), max(1, round(6 * TILE / page[0].shape[1])))
        page += [np.full_like(page[0], 255)] * (-len(page) % columns)
        rows = [np.concatenate(page[row : row + columns], axis=1) for row in range(0, len(page), columns)]
        sheets.append(args.out / f'{args.split}_{args.mode}_{len(sheets):02d}.png')
        mmcv.imwrite(np.concatenate(rows)[..., ::-1], str(sheets[-1]))
    print('\nSaved ' + ', '.join(map(str, sheets)))
    return sheets


if __name__ == '__main__':
    sys.exit(run_tool(main))
