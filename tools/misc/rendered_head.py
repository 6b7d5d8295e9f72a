"""A rendered head of known pose, as the pictures of the documentation show it: nobody's picture is in them."""

import numpy as np

from mmfld.synthetic import Camera, Expression, FaceShape, Identity, SyntheticFaceGenerator, project_face
from mmfld.synthetic.renderer import render_face

SEED, INDEX = 0, 4  # of looks
BACKGROUND = (225, 225, 225)


def rendered_head(
    degrees: tuple[float, float, float],
    side: int,
    unit: float,
    middle: float = 0.52,
    expression: Expression = Expression(),
    index: int = INDEX,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The mean face in some looks.

    Args:
        degrees (tuple): Yaw, pitch and roll.
        side (int): S, of the picture in pixels.
        unit (float): Pixels for the distance of the outer eye corners.
        middle (float): Height of the head's middle, in parts of the side.
        expression (Expression): Neutral by default.
        index (int): Of the looks.

    Returns:
        tuple: (S, S, 3) uint8 in BGR, and the exact landmarks by layout, each (K, 2) in pixels.
    """
    shape, look = FaceShape(Identity(), expression), SyntheticFaceGenerator(SEED, flags='none').scene(index).look
    camera = Camera(*np.deg2rad(degrees), scale=unit, center=(side / 2, side * middle))
    image = render_face(shape, camera, look, np.full((side, side, 3), BACKGROUND, np.uint8))
    return image, project_face(shape, camera).keypoints
