"""How exactly the head pose is told, on rendered heads of known pose, and whether it is told alike in other views.

    python tools/analysis_tools/measure_head_pose.py [--layout 300w68] [--annotations ANNOTATIONS.json]

Heads of other people than the mean one, with everyday expressions, are turned by up to 60 degrees to the sides, 30 up
and down and any angle in the picture; the table has the mean absolute errors in degrees by how far they are turned to
the side. With annotated real faces, how far the poses of a face and of its mirror image, and of the face turned in the
picture by 90 degrees, are apart at most, when what should differ is taken off.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import mmfld  # noqa: F401  prepares the environment and registers the components
from mmfld.applications import HeadPoseEstimator
from mmfld.structures import FaceLayout
from mmfld.synthetic import LAYOUTS, Camera, Expression, FaceShape, Identity, project_face

MOST = 60, 30, 180  # degrees of yaw, pitch and roll
BINS = 0, 15, 30, 45, 60


def rendered(estimate: HeadPoseEstimator, faces: int, seed: int) -> np.ndarray:
    """(N, 4) yaw of rendered heads, and errors of yaw, pitch and roll, degrees."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(faces):
        truth = rng.uniform(-1, 1, 3) * MOST
        shape = FaceShape(Identity.sample(rng), Expression.sample(rng, exaggerated=False))
        camera = Camera(*np.deg2rad(truth), scale=100, center=(256, 256))
        found = estimate(project_face(shape, camera).keypoints[estimate.layout.name])
        rows.append([truth[0], *apart(found[:3], truth)])
    return np.array(rows)


def apart(found, truth) -> np.ndarray:
    return (np.subtract(found, truth) + 180) % 360 - 180


def consistency(estimate: HeadPoseEstimator, points: np.ndarray, layout: FaceLayout) -> np.ndarray:
    """(2, 3) largest differences of yaw, pitch and roll, of mirrored and of turned faces (N, K, 2)."""
    differences = []
    for face in points:
        pose = np.array(estimate(face)[:3])
        mirrored = estimate((face * (-1, 1))[list(layout.flip_indices)])[:3]
        turned = estimate(face[:, ::-1] * (-1, 1))[:3]
        differences.append([apart(mirrored, pose * (-1, 1, -1)), apart(turned, pose + (0, 0, 90))])
    return np.abs(differences).max(0)


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--layout', default='300w68', choices=LAYOUTS)
    parser.add_argument('--faces', type=int, default=2000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--annotations', type=Path, help='COCO file of faces in this layout')
    args = parser.parse_args(argv)
    estimate = HeadPoseEstimator(args.layout)
    rows = rendered(estimate, args.faces, args.seed)
    print('yaw | yaw error | pitch error | roll error')
    for low, high in [*zip(BINS, BINS[1:]), (0, BINS[-1])]:
        chosen = (np.abs(rows[:, 0]) >= low) & (np.abs(rows[:, 0]) <= high)
        print(f'{low} to {high} | ' + ' | '.join(f'{value:.2f}' for value in np.abs(rows[chosen, 1:]).mean(0)))
    if args.annotations:
        annotations = json.loads(args.annotations.read_text(encoding='utf-8'))['annotations']
        points = np.array([face['keypoints'] for face in annotations], float).reshape(len(annotations), -1, 3)[..., :2]
        for name, values in zip(('mirrored', 'turned'), consistency(estimate, points, estimate.layout)):
            print(f'{len(points)} faces {name}: apart by at most {values.max():.1e} degrees')


if __name__ == '__main__':
    main()
