"""All numbers that are told of a face besides its landmarks."""

import numpy as np

from ..runtime.landmarker import Face
from ..structures import FaceLayout, get_layout
from .head_pose import HeadPoseEstimator, draw_axes
from .openings import eye_opening, mouth_opening

POSE, EYES, MOUTH = ('yaw', 'pitch', 'roll'), ('right_eye_opening', 'left_eye_opening'), ('mouth_opening',)


class FaceMeasures:
    """Head pose in degrees and openings of eyes and mouth, as far as a layout has what they need.

    Args:
        layout (str | FaceLayout): Of the landmarks.

    Attributes:
        names (tuple[str]): What is told of a face.

    Raises:
        ValueError: If the layout has nothing of that.
    """

    def __init__(self, layout: str | FaceLayout) -> None:
        self.layout = get_layout(layout)
        nowhere = np.zeros((self.layout.num_keypoints, 2))
        self._pose: HeadPoseEstimator | None = None
        names: list[str] = []
        try:
            self._pose = HeadPoseEstimator(self.layout)
            names += POSE
        except ValueError as error:
            missing = str(error)
        self._openings = []
        for measure, told in ((eye_opening, EYES), (mouth_opening, MOUTH)):
            try:
                measure(nowhere, self.layout)
                self._openings.append(measure)
                names += told
            except ValueError as error:
                missing = str(error)
        if not names:
            raise ValueError(f'layout {self.layout.name!r}: nothing can be told of its faces: {missing}')
        self.names: tuple[str, ...] = tuple(names)

    def __call__(self, face: Face) -> dict[str, float]:
        """By name; poses count landmarks the less, the further off a calibrated model says they may be."""
        values = list(self._pose(face.landmarks, self._errors(face))[:3]) if self._pose else []
        for measure in self._openings:
            values += np.atleast_1d(measure(face.landmarks, self.layout)).tolist()
        return dict(zip(self.names, values))

    def draw(self, image: np.ndarray, face: Face) -> np.ndarray:
        """A copy of an image (H, W, 3) uint8 in BGR with the axes of the head, if its pose can be told."""
        return draw_axes(image, self._pose(face.landmarks, self._errors(face))) if self._pose else image

    @staticmethod
    def _errors(face: Face) -> np.ndarray | None:
        return None if face.visible is None else face.covariances  # which are those of errors if it is told
