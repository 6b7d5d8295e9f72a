"""Samples per second of the training targets on one core, beside a straightforward loop version of the same targets.

    python tools/analysis_tools/benchmark_targets.py configs/wflw/structured_hg4.py

The loop version goes the way of the STAR reference code: landmark by landmark and boundary by boundary, each on a
canvas of its own, and all canvases are then shrunk to the heatmap. It also serves the tests, as the plain reading of
the definitions. The last line is the time of the config's whole training pipeline for one face, image decoding
excluded. The config's codec must be ``ImageAwareSmoothing`` with a heatmap cell of 4 pixels. Times are medians of
processor time, so that other programs on the machine disturb them little.
"""

import sys
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from benchmark_utils import config_parser, load_config
from mmengine.dataset import Compose
from mmpose.registry import KEYPOINT_CODECS
from scipy.interpolate import splev, splprep

from mmfld.codecs import ImageAwareSmoothing
from mmfld.codecs.boundary_maps import edge_maps, point_maps
from mmfld.engine.endings import run_tool
from mmfld.structures import FaceLayout, get_layout, normalize
from mmfld.synthetic import SyntheticFaceGenerator

IMAGE_SIZE = (1024, 768)  # what a photograph of WFLW has


def loop_point_maps(points: np.ndarray, input_size: int = 256) -> np.ndarray:
    """Point maps, one after the other: a Gaussian patch on a canvas of the input's size; all are shrunk to a quarter.

    Args:
        points (ndarray): (K, 2) in pixels of the network input.
        input_size (int): Side of the input in pixels.

    Returns:
        ndarray: (K, h, w) float32 with h = w = input_size / 4.
    """
    canvases = []
    for x, y in points.clip(0, input_size - 1):
        canvas = np.zeros((input_size, input_size), np.float32)
        offsets = np.arange(-5, 5)
        patch = 255 * np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
        left, top = int(x - 4.5), int(y - 4.5)
        right, bottom = min(left + 10, input_size), min(top + 10, input_size)
        first_x, first_y = max(left, 0), max(top, 0)
        canvas[first_y:bottom, first_x:right] = patch[first_y - top : bottom - top, first_x - left : right - left]
        canvases.append(canvas)
    return _shrink(canvases)


def _shrink(canvases: list[np.ndarray]) -> np.ndarray:
    """Canvases (H, W) with values to 255 -> (N, H / 4, W / 4) in [0, 1]."""
    maps = torch.from_numpy(np.stack(canvases) / 255)[None]
    return F.interpolate(maps, scale_factor=0.25, mode='bilinear', align_corners=False)[0].numpy()


def loop_edge_maps(points: np.ndarray, layout: FaceLayout, input_size: int = 256) -> np.ndarray:
    """Edge maps, one after the other: a spline, a line on a canvas of 4 x the input's size, shrunk twice.

    Args:
        points (ndarray): (K, 2) in pixels of the network input.
        layout (FaceLayout): Says which landmarks lie on which boundary.
        input_size (int): Side of the input in pixels.

    Returns:
        ndarray: (E, h, w) float32 with h = w = input_size / 4.
    """
    canvases = []
    for boundary in layout.boundaries:
        curve = points[list(boundary.indices)].astype(np.float64)
        if boundary.closed:
            curve = np.concatenate([curve, curve[:1]])
        try:
            spline, knots = splprep(curve.T, s=0, k=3, per=boundary.closed)
        except (TypeError, ValueError):  # points that coincide, or fewer than four
            pass
        else:
            samples = []
            for start, end in zip(knots[:-1], knots[1:]):
                samples.extend(start + (end - start) * step / 5 for step in range(5))
            if not boundary.closed:
                samples.append(knots[-1])
            curve = np.stack(splev(samples, spline), axis=1)
        canvas = np.zeros((4 * input_size, 4 * input_size), np.float32)
        vertices = (4 * curve.clip(0, input_size - 1) + 0.5).astype(np.int32)
        cv2.polylines(canvas, [vertices], boundary.closed, 255, thickness=4)
        canvases.append(cv2.resize(canvas, (input_size, input_size), interpolation=cv2.INTER_AREA))
    return _shrink(canvases)


def loop_refine_edges(edge: np.ndarray) -> np.ndarray:
    """torchvision's ``gaussian_blur(edge, 9)`` and ``adjust_sharpness(edge, 5)`` of a map (h, w) in [0, 1]."""
    offsets = torch.linspace(-4, 4, 9, dtype=torch.float64)
    profile = torch.exp(-0.5 * (offsets / 1.7) ** 2)
    profile = (profile / profile.sum()).to(torch.from_numpy(edge).dtype)
    image = F.pad(torch.from_numpy(edge)[None, None], (4,) * 4, mode='reflect')
    image = F.conv2d(image, torch.outer(profile, profile)[None, None])
    kernel = image.new_tensor([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    smooth = image.clone()
    smooth[..., 1:-1, 1:-1] = F.conv2d(image, kernel[None, None])
    return (5 * image + (1 - 5) * smooth).clamp(0, 1)[0, 0].numpy()


def loop_covariances(edge: np.ndarray, cells: np.ndarray, radius: int) -> np.ndarray:
    """Covariance of each landmark's patch 0.01 E'_n + N_n, one after the other.

    Args:
        edge (ndarray): (h, w) refined edge map E'.
        cells (ndarray): (K, 2) landmarks in its cells.
        radius (int): k of the patches of side 2 k + 1.

    Returns:
        ndarray: (K, 2, 2) in cells^2, rows and columns in (x, y) order.
    """
    padded = np.pad(edge, radius).astype(np.float64)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    point = np.where((abs(x) <= 2) & (abs(y) <= 2), np.exp(-(x**2 + y**2) / (2 * 1.1**2)), 0)
    found = []
    for cell in cells:
        column, row = np.rint(cell).astype(int).clip(0, [edge.shape[1] - 1, edge.shape[0] - 1])
        patch = padded[row : row + 2 * radius + 1, column : column + 2 * radius + 1]
        joint = point + (0.01 * patch / patch.max() if patch.max() > 0 else 0)
        found.append(np.cov(x.ravel(), y.ravel(), aweights=joint.ravel(), ddof=0))
    return np.stack(found)


def loop_encode(keypoints: np.ndarray, codec: ImageAwareSmoothing) -> dict[str, np.ndarray]:
    """What ``codec.encode`` returns for keypoints (1, K, 2) in mode ``'image_aware'``; its samples are drawn anew."""
    size, points = codec.input_size[0], keypoints[0]
    edges = loop_edge_maps(points, codec.layout, size)
    sigma = loop_covariances(loop_refine_edges(edges.max(0)), (points + 0.5) / 4 - 0.5, codec.patch_radius)
    samples = []
    for label, covariance in zip(normalize(points, size), sigma):
        noise = np.random.multivariate_normal(np.zeros(2), codec.gamma * covariance, codec.num_samples)
        samples.append(label + noise * 2 / (np.array(codec.heatmap_size) - 1))
    return dict(
        keypoint_labels=normalize(keypoints, size).clip(-1, 1).astype(np.float32),
        keypoint_weights=np.ones(keypoints.shape[:2], np.float32),
        keypoint_samples=np.stack(samples).clip(-1, 1).astype(np.float32)[None],
        point_heatmaps=loop_point_maps(points, size),
        edge_heatmaps=edges,
    )


def make_faces(layout: str, num: int) -> list[dict]:
    """Synthetic faces in photographs of WFLW's size, each as a data set hands it to the pipeline."""
    meta = get_layout(layout)
    faces = []
    for index in range(num):
        face = SyntheticFaceGenerator(seed=0)[index]
        image = cv2.copyMakeBorder(face.image, 256, 256, 384, 384, cv2.BORDER_REFLECT)
        assert image.shape[1::-1] == IMAGE_SIZE
        points = face.keypoints[layout][None] + np.float32([384, 256])
        box = np.concatenate([points.min(1), points.max(1)], axis=1)
        faces.append(
            dict(
                img=image,
                img_shape=image.shape[:2],
                ori_shape=image.shape[:2],
                img_path='',
                img_id=index,
                id=index,
                bbox=box,
                bbox_score=np.ones(1, np.float32),
                keypoints=points,
                keypoints_visible=np.ones(points.shape[:2], np.float32),
                category_id=1,
                flip_indices=list(meta.flip_indices),
                dataset_keypoint_weights=np.ones(meta.num_keypoints, np.float32),
            )
        )
    return faces


def medians(functions: dict[str, Callable], inputs: list, repeats: int) -> dict[str, float]:
    """Median seconds of each function of one input; they take turns, so that all see the same state of the machine."""
    laps = {name: [] for name in functions}
    for repeat in range(repeats + 1):
        for item in inputs:
            for name, function in functions.items():
                start = time.process_time()
                function(item)
                if repeat:  # the first round warms up
                    laps[name].append(time.process_time() - start)
    return {name: float(np.median(times)) for name, times in laps.items()}


def main(argv=None):
    parser = config_parser('Speed of the training targets beside a straightforward loop version, on one core.')
    parser.add_argument('--num', type=int, default=8, help='faces')
    parser.add_argument('--repeats', type=int, default=10, help='times that each face is worked on')
    args = parser.parse_args(argv)
    cfg = load_config(args)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)

    codec = KEYPOINT_CODECS.build(cfg.codec)
    size = codec.input_size
    comparable = size[0] == size[1] and codec.heatmap_size == (size[0] // 4, size[1] // 4)
    if not isinstance(codec, ImageAwareSmoothing) or not comparable:
        raise ValueError(
            f'{args.config}: codec is {cfg.codec}, expected ImageAwareSmoothing with a square input and '
            'cells of 4 pixels'
        )
    faces = make_faces(codec.layout.name, args.num)
    pipeline = cfg.train_dataloader.dataset.pipeline
    names = [transform.type for transform in pipeline]
    crop = Compose([pipeline[names.index(name)] for name in ('GetFaceCrop', 'FaceAffine')])
    points = [crop(dict(face))['transformed_keypoints'] for face in faces]

    work = {
        'edge maps': (
            lambda p: edge_maps(p[0], codec.layout, size, codec.heatmap_size),
            lambda p: loop_edge_maps(p[0], codec.layout, size[0]),
        ),
        'point maps': (lambda p: point_maps(p[0], size, codec.heatmap_size), lambda p: loop_point_maps(p[0], size[0])),
        'all targets': (codec.encode, lambda p: loop_encode(p, codec)),
    }
    print(f'{"one core, " + codec.layout.name:<24} {"samples/s":>10} {"loops":>10} {"ratio":>7}')
    report = {}
    for name, pair in work.items():
        ours, loops = medians(dict(zip(('ours', 'loops'), pair)), points, args.repeats).values()
        report[name] = loops / ours
        print(f'{name:<24} {1 / ours:>10.1f} {1 / loops:>10.1f} {loops / ours:>6.1f}x')

    compose = Compose([transform for transform in pipeline if transform.type != 'LoadFaceImage'])
    report['pipeline_ms'] = 1000 * medians(dict(all=lambda face: compose(dict(face))), faces, 4 * args.repeats)['all']
    print(f'augmentation and targets of one face: {report["pipeline_ms"]:.2f} ms')
    return report


if __name__ == '__main__':
    sys.exit(run_tool(main))
