"""Draws ``heatmaps.png``: predicted heatmaps at early epochs of STAR and the structured loss, as the latter's Fig. 4.

    python projects/benchmark_300w/early_heatmaps.py

Run it in the root of the repository, after ``run.py star`` and ``run.py structured``. A row is one landmark of one
selection face; the faces themselves are not shown. Maps are distributions over cells: those of STAR sum to one by its
normalisation, those of the structured loss by a softmax of its scores.
"""
from pathlib import Path
from typing import List

import mmfld  # noqa: F401  prepares the environment and registers the components

import matplotlib
import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.apis import init_model
from torch import Tensor

from mmfld.codecs.decoders import spatial_softmax
from mmfld.engine.rows import read_config
from mmfld.structures import normalized_to_cells
from run import ROWS, WORK_DIR, run_name

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

PROJECT = Path(__file__).resolve().parent
EPOCHS = {'star': (1, 5), 'structured': (1, 2)}
LANDMARKS = {36: 'eye corner', 8: 'chin', 54: 'mouth corner', 19: 'eyebrow'}  # one for each of the first faces


def distributions(method: str, heatmaps: Tensor) -> Tensor:
    """(B, K, h, w) heatmaps of a head -> the same, each with sum 1."""
    if method == 'structured':
        return spatial_softmax(heatmaps, 1.)
    return heatmaps / heatmaps.sum((-2, -1), keepdim=True).clamp(min=1e-6)


@torch.no_grad()
def predict(method: str, epoch: int, batch: dict) -> Tensor:
    """(B, K, h, w) distributions of the network as it was after an epoch."""
    checkpoint = WORK_DIR / run_name(method, 0) / f'epoch_{epoch}.pth'
    if not checkpoint.is_file():
        raise FileNotFoundError(f'{checkpoint} does not exist: run.py {method} makes it')
    model = init_model(read_config(str(ROWS[method])), str(checkpoint), device='cpu')
    data = model.data_preprocessor(batch, False)
    return distributions(method, model.head(model.extract_feat(data['inputs']))[-1])


def draw(columns: List[tuple], truth: np.ndarray, path: Path) -> None:
    """Columns of (title, distributions), with the annotated landmarks (B, K, 2) in cells as crosses."""
    figure, axes = plt.subplots(len(LANDMARKS), len(columns), figsize=(2.1 * len(columns), 2.1 * len(LANDMARKS)),
                                layout='constrained')
    for face, (landmark, name) in enumerate(LANDMARKS.items()):
        for axis, (title, maps) in zip(axes[face], columns):
            axis.imshow(maps[face, landmark], cmap='magma')
            axis.plot(*truth[face, landmark], 'c+', markersize=9)
            axis.set(xticks=[], yticks=[])
            if face == 0:
                axis.set_title(title, fontsize=10)
        axes[face, 0].set_ylabel(name, fontsize=10)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main() -> None:
    cfg = read_config(str(ROWS['structured']))
    init_default_scope(cfg.default_scope)
    pipeline = cfg.val_dataloader.dataset.pipeline
    pipeline = [*pipeline[:-1], dict(type='GenerateTarget', encoder=cfg.codec), pipeline[-1]]
    loader = dict(cfg.val_dataloader, batch_size=len(LANDMARKS), num_workers=0, persistent_workers=False,
                  dataset=dict(cfg.val_dataloader.dataset, pipeline=pipeline))
    batch = next(iter(Runner.build_dataloader(loader)))
    labels = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in batch['data_samples']])
    truth = normalized_to_cells(labels.numpy(), cfg.codec.heatmap_size, 'align_corners')
    columns = [(f'{method}, epoch {epoch}', predict(method, epoch, batch))
               for method, epochs in EPOCHS.items() for epoch in epochs]
    draw(columns, truth, PROJECT / 'heatmaps.png')


if __name__ == '__main__':
    main()
