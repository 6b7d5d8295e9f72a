"""A perspective camera that looks at the head."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# the point of the head about which it turns and which ``Camera.center`` shows
_PIVOT = (0.0, 0.35, 0.0)


@dataclass(frozen=True)
class Camera:
    """Pose of the head and projection into the image.

    Args:
        yaw, pitch, roll (float): Radians. Positive yaw turns the face to the right of the image, positive pitch
            downwards, positive roll clockwise on the screen.
        scale (float): Pixels per unit of the head at the depth of its pivot.
        center (tuple[float, float]): Pixel of the pivot.
        distance (float): Of the camera from the pivot in units of the head.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    center: tuple[float, float] = (0.0, 0.0)
    distance: float = 10.0

    @cached_property
    def rotation(self) -> np.ndarray:
        """(3, 3), head to camera: roll after pitch after yaw."""
        (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (self.yaw, self.pitch, self.roll))
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return roll @ pitch @ yaw

    @cached_property
    def view(self) -> np.ndarray:
        """(3, ) direction from the head to the camera in the frame of the head."""
        return self.rotation[2]

    def to_camera(self, x, y, z):
        """Coordinates of the head -> of the camera (x right, y down, z towards it), as three arrays."""
        x, y, z = x - _PIVOT[0], y - _PIVOT[1], z - _PIVOT[2]
        # Python floats keep float32 arrays float32
        return tuple(row[0] * x + row[1] * y + row[2] * z for row in self.rotation.tolist())

    def to_pixels(self, x, y, z):
        """Coordinates of the camera -> pixels, as two arrays."""
        factor = self.scale * self.distance / (self.distance - z)
        return x * factor + float(self.center[0]), y * factor + float(self.center[1])

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the head -> (..., 2) pixels, float64."""
        return np.stack(self.to_pixels(*self.to_camera(*np.moveaxis(points, -1, 0))), axis=-1)
