"""Spread of three human annotators against the covariance of image-aware label smoothing.

    python projects/semantic_ambiguity/human_annotators.py CSV [--out-dir work_dirs/semantic_ambiguity]

Fig. A2 of the structured paper, "Heatmap Regression without Soft-argmax" (Yang and Yeh, ICCV 2025), in numbers. CSV is
``kbvt_lfpw_v1_test.csv`` of LFPW (Belhumeur et al., CVPR 2011): each face annotated three times. Prints the tables and
writes ``human_annotators.json`` and ``human_annotators.png``. It has no images and needs none: the paper predicts from
the points alone.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from annotator_picture import draw
from annotator_report import report
from lfpw_annotations import LAYOUT, NAMES, WORKERS, read_annotations
from spreads import (
    Spread,
    boundary_axes,
    check_order,
    corners,
    face_direction,
    groups,
    pooled_direction,
    share_along,
    shuffled_landmarks,
    simulate,
    size,
    spread_of_covariances,
    spread_of_samples,
    systematic_part,
)

from mmfld.codecs import ImageAwareSmoothing
from mmfld.codecs.boundary_maps import edge_maps
from mmfld.codecs.label_smoothing import covariances, point_patch, smoothing_stages
from mmfld.datasets.transforms.crop import CROP_RULES, crop_matrix
from mmfld.engine.endings import run_tool
from mmfld.structures import pixels_to_cells

RADII = (3, 5, 8, 12)
BOOTSTRAPS = 1000


def crop_points(points: np.ndarray, codec: ImageAwareSmoothing) -> np.ndarray:
    """(F, 3, K, 2) image pixels -> pixels of the paper's crop around the mean points of each face."""
    mean = points.mean(1)
    x, y, side = CROP_RULES['landmark_height'](*mean.min(1).T, *mean.max(1).T)
    matrices = np.stack(
        [
            crop_matrix(centre, scale, 0.0, codec.input_size)
            for centre, scale in zip(np.stack([x, y], -1), np.stack([side, side], -1))
        ]
    )
    return np.einsum('fij,fakj->faki', matrices[..., :2], points) + matrices[:, None, None, :, 2]


def predict(points: np.ndarray, codec: ImageAwareSmoothing) -> dict[str, np.ndarray]:
    """Covariance Sigma of each landmark's label as the codec computes it, without gamma.

    Args:
        points (ndarray): (F, K, 2) crop pixels.
        codec (ImageAwareSmoothing): For the sizes and the grid of the maps.

    Returns:
        dict: Name -> (F, K, 2, 2) in cells^2, for ``'k=8'`` etc.; ``'k=8, own'``, which is not the paper's, with no
        edges in a landmark's patch but the boundaries through it; and ``'image-unaware'``.
    """
    cells = pixels_to_cells(points, codec.heatmap_size, codec.input_size, codec.map_grid)
    edges = [edge_maps(face, LAYOUT, codec.input_size, codec.heatmap_size) for face in points]
    predicted = {
        f'k={radius}': np.stack([smoothing_stages(edge, face, radius).covariances for edge, face in zip(edges, cells)])
        for radius in RADII
    }
    isotropic = np.tile(covariances(point_patch(codec.patch_radius)[None]), (*points.shape[:2], 1, 1))
    own = isotropic.copy()
    for channels in np.unique(LAYOUT.boundary_of_keypoint, axis=0):
        if channels.any():
            members = (LAYOUT.boundary_of_keypoint == channels).all(1)
            for target, edge, face in zip(own, edges, cells):
                target[members] = smoothing_stages(edge[channels > 0], face[members], codec.patch_radius).covariances
    return predicted | {f'k={codec.patch_radius}, own': own, 'image-unaware': isotropic}


def compare(points: np.ndarray, visible: np.ndarray) -> dict:
    """All numbers for annotations (F, 3, K, 2) in image pixels with their flags (F, 3, K)."""
    rng = np.random.default_rng(0)
    codec = ImageAwareSmoothing(LAYOUT)
    pixels = crop_points(points, codec)
    cells = pixels_to_cells(pixels, codec.heatmap_size, codec.input_size, codec.map_grid) @ [1, 1j]
    mean = cells.mean(1)
    eye_line = mean[:, LAYOUT.eye_corners[1]] - mean[:, LAYOUT.eye_corners[0]]
    deviations = (cells - mean[:, None]) / eye_line[:, None, None]
    shapes = (mean - mean.mean(1, keepdims=True)) / eye_line[:, None]

    human = spread_of_samples(deviations)
    predicted = {
        name: spread_of_covariances(covariance, eye_line) for name, covariance in predict(pixels.mean(1), codec).items()
    }
    default = predicted[f'k={codec.patch_radius}']
    draws = rng.multinomial(len(points), np.full(len(points), 1 / len(points)), BOOTSTRAPS)

    axes, round_axes = (boundary_axes(shapes, LAYOUT, round_corners) for round_corners in (False, True))
    on_boundary = LAYOUT.boundary_of_keypoint.any(1)
    orders = shuffled_landmarks(on_boundary, LAYOUT, rng)
    rows = {
        'eye line': (human, Spread(np.ones(axes.shape), np.ones(axes.shape, complex))),
        'boundary': (human, Spread(abs(axes), axes)),
        'boundary, round corners': (human, Spread(abs(round_axes), round_axes)),
    }
    rows |= {name: (human, spread) for name, spread in predicted.items() if name != 'image-unaware'}
    seen = visible.all(1)
    rows[f'k={codec.patch_radius}, visible'] = (human.weighted(seen), default.weighted(seen))
    direction = {}
    for name, pair in rows.items():
        direction[name] = dict(
            pooled=pooled_direction(*pair, on_boundary, (draws, draws), orders),
            face=face_direction(*pair, on_boundary, draws),
        )
        if name in predicted:
            exact = simulate(predicted[name], len(WORKERS), rng)
            direction[name]['if_exact'] = face_direction(exact, predicted[name], on_boundary, draws)
    other_faces = Spread(*((array.sum(0) - array) / (len(array) - 1) for array in human))
    direction['annotators of the other faces'] = dict(face=face_direction(human, other_faces, on_boundary, draws))

    axes[:, LAYOUT.areas['contour']] = 1  # the chin is on no boundary of this layout: along is parallel to the eye line
    sharp = corners(shapes.mean(0), LAYOUT)
    areas = {area: (members, axes) for area, members in groups(axes, sharp, LAYOUT).items()}
    for name, belongs in (('all but corners', ~sharp), ('all corners', sharp), ('all on boundaries', True)):
        areas[name] = np.flatnonzero(on_boundary & belongs), axes
    areas['all, round corners'] = np.flatnonzero(on_boundary), round_axes
    pooled, pooled_default = human.pooled(), default.pooled()
    scale = abs(eye_line[:, None]) ** 2  # inter-ocular distances^2 to cells^2
    return dict(
        faces=len(points),
        order=check_order(shapes.mean(0), LAYOUT),
        systematic=systematic_part(deviations, rng),
        patch_radius=codec.patch_radius,
        direction=direction,
        anisotropy={
            name: (abs(s.pooled().axis) / s.pooled().trace)[on_boundary].mean()
            for name, s in (('annotators', human), *predicted.items())
        },
        size={name: size(human, s, draws) for name, s in predicted.items()},
        cells={name: np.sqrt((s.trace * scale).mean() / 2) for name, s in (('annotators', human), *predicted.items())},
        share={
            area: dict(
                landmarks=len(members),
                **{
                    name: share_along(s, directions, members, draws)
                    for name, s in (('annotators', human), *predicted.items())
                },
            )
            for area, (members, directions) in areas.items()
        },
        landmarks=[
            dict(
                name=NAMES[k],
                position=[shape.real, shape.imag],
                **{
                    f'{who}_{key}': value
                    for who, s in (('human', pooled), ('predicted', pooled_default))
                    for key, value in (
                        ('std', np.sqrt(s.trace[k])),
                        ('anisotropy', abs(s.axis[k]) / s.trace[k]),
                        ('degrees', np.degrees(np.angle(s.axis[k])) / 2),
                    )
                },
                along=share_along(human, axes, [k], draws)['share'] if axes[0, k] else None,
            )
            for k, shape in enumerate(shapes.mean(0))
        ],
    )


def main(argv=None) -> dict:
    parser = argparse.ArgumentParser(description='Human annotators against image-aware label smoothing.')
    parser.add_argument('csv', type=Path, help='kbvt_lfpw_v1_test.csv')
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/semantic_ambiguity'))
    args = parser.parse_args(argv)
    points, visible, num_skipped = read_annotations(args.csv)
    print(f'{len(points)} faces with {len(WORKERS)} annotators, {num_skipped} with fewer left out')
    result = compare(points, visible)
    report(result)
    args.out_dir.mkdir(parents=True, exist_ok=True)
    draw(result, args.out_dir / 'human_annotators.png')
    numbers = json.dumps(result, indent=1, default=lambda number: number.item())
    (args.out_dir / 'human_annotators.json').write_text(numbers + '\n')
    print(f'\nSaved {args.out_dir / "human_annotators.png"} and {args.out_dir / "human_annotators.json"}')
    return result


if __name__ == '__main__':
    sys.exit(run_tool(main))
