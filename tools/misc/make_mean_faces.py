"""Writes the landmarks of the mean face in three dimensions, by which the head pose is told.

    python tools/misc/make_mean_faces.py mmfld/applications/mean_faces.json

They are those of the rendered faces of this package (:mod:`mmfld.synthetic`), neutral and of mean shape: in
units of the distance of the outer eye corners, x to the right of the image, y down, z towards the viewer.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import mmfld  # noqa: F401  prepares the environment and registers the components
from mmfld.synthetic import LAYOUTS, Camera, Expression, FaceShape, Identity, project_face


def mean_faces() -> dict:
    """Layout -> (K, 3) of the mean face: its frontal view, by parallel rays, lifted to the surface."""
    shape = FaceShape(Identity(), Expression())
    front = project_face(shape, Camera(distance=1e7)).keypoints
    pivot = (0, 0.35)  # which the camera shows at (0, 0)
    return {name: np.round(shape.lift(front[name].astype(float) + pivot), 4).tolist() for name in LAYOUTS}


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('path', type=Path)
    args = parser.parse_args(argv)
    text = ',\n'.join(f'{json.dumps(name)}: {json.dumps(points)}' for name, points in mean_faces().items())
    args.path.write_text(f'{{\n{text}\n}}\n')


if __name__ == '__main__':
    main()
