"""How far the annotated points lie to the right of where they belong in the images, from the mirror symmetry of faces.

    python tools/analysis_tools/measure_registration.py CONFIG [--split train]

Points that are d pixels too far to the right in every image are too far towards the nose on one side of the face and too
far towards the ear on the other: the average surroundings of a landmark and the mirrored ones of its partner are 2 d apart.
OpenCV's alignment measures that; faces are not quite symmetric, so the median over the pairs of landmarks counts. A network
that sees mirrored faces in training cannot learn d and is off by it on all faces: ``keypoint_offset=(-d, 0)`` of the data
sets corrects it. The same error in the vertical shows in tilted faces alone (``annotation_shift.py`` of
``projects/semantic_ambiguity``, for 300W), and is learned but for them.
"""
import os
from collections import defaultdict
from copy import deepcopy

from benchmark_utils import config_parser, load_config

import cv2
import mmcv
import numpy as np
from mmpose.registry import DATASETS
from tqdm import tqdm


def surroundings(image: np.ndarray, points: np.ndarray, radius: int) -> np.ndarray:
    """(N, 2 r + 1, 2 r + 1) float32 patches around points (N, 2) in pixels, of mean 0 and variance 1."""
    side = 2 * radius + 1
    patches = np.stack([cv2.getRectSubPix(image, (side, side), point) for point in points.tolist()])
    patches -= patches.mean((1, 2), keepdims=True)
    return patches / (patches.std((1, 2), keepdims=True) + 1e-3)


def offset(left: np.ndarray, right: np.ndarray) -> float:
    """Pixels by which the points of both average patches (side, side) lie too far to the right; NaN if they do not match."""
    try:
        _, warp = cv2.findTransformECC(left, np.ascontiguousarray(right[:, ::-1]), np.eye(2, 3, dtype=np.float32),
                                       cv2.MOTION_TRANSLATION)
    except cv2.error:  # no convergence
        return np.nan
    return warp[0, 2] / 2


def main(argv=None):
    parser = config_parser('How far annotated points lie to the right of where they belong in the images.')
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='train', help='which data set of the config')
    parser.add_argument('--radius', type=int, default=20, help='of the surroundings of a landmark, in pixels')
    args = parser.parse_args(argv)
    cfg = load_config(args)
    dataset = DATASETS.build(dict(deepcopy(cfg[f'{args.split}_dataloader'].dataset), pipeline=[]))
    partners = np.array(dataset.metainfo['flip_indices'])
    left = np.flatnonzero(np.arange(len(partners)) < partners)
    pairs = np.stack([left, partners[left]], axis=1)

    sums, counts = defaultdict(float), defaultdict(int)  # by the folder of the images
    for index in tqdm(range(len(dataset)), desc='reading', unit='face'):
        face = dataset.get_data_info(index)
        image = mmcv.imread(face['img_path'], 'grayscale').astype(np.float32)
        annotated = face['keypoints_visible'][0][pairs].min(1) > 0
        patches = surroundings(image, face['keypoints'][0][pairs.ravel()], args.radius)
        patches = patches.reshape(len(pairs), 2, *patches.shape[1:]) * annotated[:, None, None, None]
        folder = os.path.relpath(face['img_path'], dataset.data_prefix['img']).split(os.sep)[0]
        for group in (folder, 'all'):
            sums[group] = sums[group] + patches
            counts[group] += 1

    results = {}
    print(f'{"folder":<20}{"faces":>7}{"pairs":>7}{"pixels to the right":>21}{"quartiles":>16}')
    for group in sorted(sums, key=lambda name: (name == 'all', name)):
        offsets = np.array([offset(*pair) for pair in sums[group].astype(np.float32)])
        low, middle, high = np.nanpercentile(offsets, (25, 50, 75))
        print(f'{group:<20}{counts[group]:>7}{np.isfinite(offsets).sum():>7}{middle:>21.2f}{low:>9.2f} {high:.2f}')
        results[group] = middle
    return results


if __name__ == '__main__':
    main()
