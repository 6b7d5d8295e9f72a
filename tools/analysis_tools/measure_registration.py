"""How far the annotated points lie to the right of where they belong in the images, from the mirror symmetry of faces.

    python tools/analysis_tools/measure_registration.py CONFIG [--split train]

Points that are d pixels too far to the right in every image are too far towards the nose on one side of the face and
too far towards the ear on the other: the average surroundings of a landmark and the mirrored ones of its partner are 2
d apart.
OpenCV's alignment measures that; faces are not quite symmetric, so the median over the pairs of landmarks counts. A
network that sees mirrored faces in training cannot learn d and is off by it on all faces: ``keypoint_offset=(-d, 0)``
of the data sets corrects it. The same error in the vertical shows in tilted faces alone (``annotation_shift.py`` of
``projects/semantic_ambiguity``, for 300W), and is learned but for them.
"""

import os
import sys
from copy import deepcopy

import numpy as np
from benchmark_utils import config_parser, load_config
from mmpose.registry import DATASETS

from mmfld.doctor.registration import RADIUS, shifts_to_right
from mmfld.engine.endings import run_tool


def main(argv=None):
    parser = config_parser('How far annotated points lie to the right of where they belong in the images.')
    parser.add_argument(
        '--split', choices=('train', 'val', 'test'), default='train', help='which data set of the config'
    )
    parser.add_argument('--radius', type=int, default=RADIUS, help='of the surroundings of a landmark, in pixels')
    args = parser.parse_args(argv)
    cfg = load_config(args)
    dataset = DATASETS.build(dict(deepcopy(cfg[f'{args.split}_dataloader'].dataset), pipeline=[]))
    faces = [dataset.get_data_info(index) for index in range(len(dataset))]
    found = shifts_to_right(
        faces,
        dataset.metainfo['flip_indices'],
        args.radius,
        lambda face: os.path.relpath(face['img_path'], dataset.data_prefix['img']).split(os.sep)[0],
    )

    results = {}
    print(f'{"folder":<20}{"faces":>7}{"pairs":>7}{"pixels to the right":>21}{"quartiles":>16}')
    for group in sorted(found, key=lambda name: (name == 'all', name)):
        count, offsets = found[group]
        low, middle, high = np.nanpercentile(offsets, (25, 50, 75))
        print(f'{group:<20}{count:>7}{np.isfinite(offsets).sum():>7}{middle:>21.2f}{low:>9.2f} {high:.2f}')
        results[group] = middle
    return results


if __name__ == '__main__':
    sys.exit(run_tool(main))
