"""Draws the sign convention of yaw, pitch and roll: rendered heads of known pose, with the axes that are found.

    python tools/misc/draw_head_pose.py docs/_static/head_pose.jpg

Nobody's picture is in it. What is found from the landmarks of each head is printed.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from rendered_head import rendered_head

from mmfld.applications import HeadPose, HeadPoseEstimator, draw_axes

NAMES = ('yaw', 'pitch', 'roll')
ANGLES = (-30, 0, 30)  # degrees
SIDE = 380  # pixels of a head, which is drawn at half that
UNIT = 108  # pixels for the distance of the outer eye corners
LINE = 26  # pixels of a caption
QUALITY = 82


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path, metavar='FILE')
    args = parser.parse_args(argv)
    estimate = HeadPoseEstimator('300w68')
    rows = []
    for axis, name in enumerate(NAMES):
        tiles = []
        for angle in ANGLES:
            image, pose = head(estimate, tuple(angle * (axis == other) for other in range(3)))
            print(f'{name} {angle}: found yaw {pose.yaw:+.1f}, pitch {pose.pitch:+.1f}, roll {pose.roll:+.1f}')
            tiles.append(captioned(draw_axes(image, pose, 0.9), f'{name} {angle:+d}' if angle else f'{name} 0'))
        rows.append(cv2.hconcat(tiles))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(args.out), cv2.vconcat(rows), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
        raise SystemExit(f'{args.out}: OpenCV cannot write this image')


def head(estimate: HeadPoseEstimator, degrees: tuple[float, float, float]) -> tuple[np.ndarray, HeadPose]:
    """A rendered head (SIDE, SIDE, 3), turned, and the pose that its landmarks tell."""
    image, keypoints = rendered_head(degrees, SIDE, UNIT)
    return image, estimate(keypoints[estimate.layout.name])


def captioned(image: np.ndarray, text: str) -> np.ndarray:
    """An image at half its size, with a line beneath."""
    image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    image = cv2.copyMakeBorder(image, 0, LINE, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.55, 1)
    place = ((image.shape[1] - width) // 2, image.shape[0] - 8)
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (30, 30, 30), 1, cv2.LINE_AA)
    return image


if __name__ == '__main__':
    main()
