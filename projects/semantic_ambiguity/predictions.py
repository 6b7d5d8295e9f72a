"""What the parts of this study share: the trained models, what they predict, and directions along the boundaries."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import mmfld  # noqa: F401  before MMPose: prepares the environment and registers the components

# isort: split
import numpy as np
import torch
from mmengine import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from terminaltables import GithubFlavoredMarkdownTable
from torch import Tensor
from tqdm import tqdm

from mmfld.apis.whole_model import init_picture_model
from mmfld.evaluation.functional import inter_ocular
from mmfld.models.losses.heatmap_moments import heatmap_moments, principal_axes
from mmfld.structures import FaceLayout, denormalize, get_layout
from mmfld.visualization import to_input_pixels

METHODS = ('soft_argmax', 'star')
WORK_DIR = Path('work_dirs/semantic_ambiguity')


def run_folder(work_dir: Path, dataset: str, method: str, seed: int) -> Path:
    return work_dir / dataset / f'{method}_seed{seed}'


def run_config(folder: Path) -> Path | None:
    """The config that MMEngine writes into the folder of a training; None where there is none."""
    return next(folder.glob('*.py'), None)


def final_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of a training's last epoch; None if it has not come so far."""
    config = run_config(folder)
    path = folder / f'epoch_{Config.fromfile(config).train_cfg.max_epochs}.pth' if config else None
    return path if path and path.is_file() else None


def paired_checkpoints(work_dir: Path, dataset: str) -> tuple[list[int], dict[str, list[Path]]]:
    """Seeds for which all methods are trained, and for each method the checkpoints in the order of the seeds.

    Raises:
        ValueError: If there are fewer than two such seeds.
    """
    folders = (work_dir / dataset).glob(f'{METHODS[0]}_seed*')
    runs = {}
    for seed in sorted(int(folder.name.rpartition('seed')[2]) for folder in folders):
        checkpoints = [final_checkpoint(run_folder(work_dir, dataset, method, seed)) for method in METHODS]
        if all(checkpoints):
            runs[seed] = checkpoints
    if len(runs) < 2:
        raise ValueError(
            f'{work_dir / dataset}: found finished trainings of {" and ".join(METHODS)} for the seeds '
            f'{list(runs)}, expected two seeds or more; train.py {dataset} makes them'
        )
    return list(runs), dict(zip(METHODS, map(list, zip(*runs.values()))))


@dataclass(frozen=True)
class Predictions:
    """Of one model on the F faces of its test set; all coordinates are pixels of the network input.

    Attributes:
        layout (FaceLayout): With K landmarks.
        images (ndarray): (F, H, W, 3) uint8 RGB, the network input.
        mean (ndarray): (F, K, 2) float64, mean of each heatmap of the last stack: the predicted landmark.
        covariance (ndarray): (F, K, 2, 2) float64, of the same (STAR paper, Eq. 4).
        annotated (ndarray): (F, K, 2) float64.
        clean (ndarray, optional): (F, K, 2) float64, the exact landmarks where the annotation is noisy on purpose.
    """

    layout: FaceLayout
    images: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    annotated: np.ndarray
    clean: np.ndarray | None

    def components(self) -> tuple[np.ndarray, np.ndarray]:
        """Standard deviations (F, K, 2) along the first and second principal component, and these (F, K, 2, 2) as
        rows."""
        values, vectors = (array.numpy()[:, :, ::-1] for array in principal_axes(torch.from_numpy(self.covariance)))
        return np.sqrt(values.clip(min=0)), vectors

    def std_along(self, directions: np.ndarray) -> np.ndarray:
        """(F, K) standard deviations along unit vectors (F, K, 2)."""
        return np.sqrt(np.einsum('fki,fkij,fkj->fk', directions, self.covariance, directions))


@torch.no_grad()
def predict(checkpoint: Path) -> Predictions:
    """Predict the test set of a training's config, which lies beside the checkpoint.

    Raises:
        ValueError: If there is no config, or the network's heatmaps are no distributions but scores.
    """
    config = run_config(checkpoint.parent)
    if config is None:
        raise ValueError(f'{checkpoint}: found no config (*.py) in its folder, expected the one that a training writes')
    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    model = init_picture_model(cfg, str(checkpoint), device='cuda:0' if torch.cuda.is_available() else 'cpu')
    loader = Runner.build_dataloader(cfg.test_dataloader)
    images, means, covariances, truths = [], [], [], []
    for batch in loader:
        data = model.data_preprocessor(batch, training=False)
        heatmaps = model.head(model.extract_feat(data['inputs']))[-1]
        if heatmaps.min() < 0:
            raise ValueError(f'{checkpoint}: found negative heatmaps, expected a model with "in_relu"')
        mean, covariance = pixel_moments(heatmaps, batch['inputs'][0].shape[:0:-1])
        means.append(mean)
        covariances.append(covariance)
        truths += [_true_points(sample) for sample in data['data_samples']]
        images += [image.permute(1, 2, 0).numpy()[..., ::-1] for image in batch['inputs']]
    annotated, clean = (None if points[0] is None else np.stack(points) for points in zip(*truths))
    return Predictions(
        get_layout(cfg.model.head.layout),
        np.stack(images),
        np.concatenate(means),
        np.concatenate(covariances),
        annotated,
        clean,
    )


def pixel_moments(heatmaps: Tensor, size: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Means (B, K, 2) and covariances (B, K, 2, 2) of maps (B, K, h, w), in pixels of an input of ``size`` (W, H)."""
    mean, covariance = (moment.double().cpu().numpy() for moment in heatmap_moments(heatmaps))
    return denormalize(mean, size), covariance * np.outer(size, size) / 4


def _true_points(sample) -> tuple[np.ndarray, np.ndarray | None]:
    """Annotated and, if known, exact landmarks of a data sample in pixels of the network input."""
    meta = sample.metainfo
    exact = meta['raw_ann_info'].get('keypoints_clean')
    return (
        to_input_pixels(sample.gt_instances.keypoints[0].astype(float), meta),
        None if exact is None else to_input_pixels(np.reshape(exact, (-1, 3))[:, :2], meta),
    )


def predict_all(checkpoints: Sequence[Path]) -> list[Predictions]:
    """Predictions of several models on the same faces.

    Raises:
        ValueError: If their test sets differ.
    """
    with redirect_stdout(sys.stderr):  # what the libraries say while they load
        results = [predict(path) for path in tqdm(checkpoints, desc='predicting', unit='model')]
    for path, result in zip(checkpoints, results):
        if not np.array_equal(result.annotated, results[0].annotated):
            raise ValueError(f'{path}: found another test set than that of {checkpoints[0]}, expected the same faces')
    return results


def inter_ocular_distance(points: np.ndarray, layout: FaceLayout) -> np.ndarray:
    """(F, 1) distances between the outer eye corners of (F, K, 2)."""
    return inter_ocular(points, np.ones(points.shape[:2], bool), layout)[:, None]


def boundary_tangents(points: np.ndarray, layout: FaceLayout) -> np.ndarray:
    """(F, K, 2) unit vectors along the boundary of each landmark in (F, K, 2); (0, 0) for landmarks on none.

    A tangent is the mean of the directions to both neighbours on the boundary, as axes without a sign: where the
    boundary turns back within less than 90 degrees, at the corners of eyes and mouth, it is the bisector of the two
    arms, which is the long axis of the eye or mouth.
    """
    z = points @ [1, 1j]
    axes = np.zeros_like(z)  # squares of complex unit vectors: they have no sign and can be added
    for boundary in layout.boundaries:
        start = list(boundary.indices)
        end = start[1:] + start[:1]
        if not boundary.closed:
            start, end = start[:-1], end[:-1]
        step = z[:, end] - z[:, start]
        step = np.divide(step, abs(step), out=np.zeros_like(step), where=step != 0) ** 2
        axes[:, start] += step
        axes[:, end] += step
    root = np.sqrt(np.divide(axes, abs(axes), out=np.zeros_like(axes), where=abs(axes) > 1e-9))
    return np.stack([root.real, root.imag], -1)


def noise_directions(annotated: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """(F, K, 2) unit vectors from exact to annotated landmarks, which run along the boundary; (0, 0) without noise."""
    noise = annotated - clean
    length = np.linalg.norm(noise, axis=-1, keepdims=True)
    # shorter than 0.001 pixels the rounding of the annotations shows
    return np.divide(noise, length, out=np.zeros_like(noise), where=length > 1e-3)


def degrees_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """0 to 90 degrees between axes along unit vectors (..., 2); nan where one is (0, 0)."""
    inner = abs((first * second).sum(-1))
    outer = abs(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0])
    return np.where(inner + outer > 0, np.degrees(np.arctan2(outer, inner)), np.nan)


def groups(layout: FaceLayout) -> dict[str, list[int]]:
    """All landmarks, those of each facial area, and the eye corners, which the STAR paper names as unambiguous."""
    # a closed boundary around an eye has one corner at its beginning, the other half way round
    corners = [
        boundary.indices[n]
        for boundary in layout.boundaries
        if set(boundary.indices) & set(layout.eye_corners)
        for n in (0, len(boundary.indices) // 2)
    ]
    return {
        'all': list(range(layout.num_keypoints)),
        **{area: list(indices) for area, indices in layout.areas.items()},
        'eye corners': corners,
    }


def groups_on_faces(predictions: Predictions) -> dict[str, np.ndarray]:
    """The groups of :func:`groups` as (F, K) bool, and the part of the contour that runs across the image's border.

    Distributions end at the border of the input, and those near to it lie along it: in a tight crop the contour does,
    too. ``'contour, slanted'`` are the landmarks where it runs 30 degrees or more off the nearest border.
    """
    points, layout = predictions.annotated, predictions.layout
    shape = points.shape[:2]
    result = {
        name: np.broadcast_to(np.isin(np.arange(shape[1]), members), shape) for name, members in groups(layout).items()
    }
    height, width = predictions.images.shape[1:3]
    to_border = np.minimum(points + 0.5, [width, height] - points - 0.5)
    border = np.eye(2)[1 - to_border.argmin(-1)]  # the left and right borders are vertical
    result['contour, slanted'] = result['contour'] & (degrees_between(border, boundary_tangents(points, layout)) >= 30)
    return result


def print_table(title: str, *rows: Sequence[str]) -> None:
    """Print rows, the first of which is the header, as Markdown."""
    print(f'\n{title}\n\n{GithubFlavoredMarkdownTable([list(row) for row in rows]).table}')
