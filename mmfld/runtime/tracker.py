"""The faces of a video, followed by a landmarker."""
from functools import partial
from typing import List, Optional, Sequence

import numpy as np

from .boxes import tight_box
from .crops import eye_angle
from .images import Image, read_image
from .landmarker import Face, FaceLandmarker
from .orientation import Crops, Fit, align, detect, landmark_boxes
from .tracking import FaceTracks, Prediction, Track


class FaceTracker:
    """Follows the landmarks of all faces of one video: the crop of a frame comes from the frame before, turned as it.

    >>> tracker = FaceTracker()
    >>> for frame in frames:                  # (H, W, 3) uint8 in BGR
    ...     for face in tracker(frame):
    ...         print(face.track_id, face.landmarks)

    A model that refines landmarks by the frames before remembers those of each face. What begins, doubts about and ends
    a track is told in :class:`mmfld.apis.FaceLandmarkTracker`. One object is for one video and one thread; several may
    share a landmarker.

    Args:
        landmarker (FaceLandmarker, optional): Defaults to one with its defaults.
        smoothing (dict, optional): Arguments of :class:`mmfld.runtime.OneEuroFilter`. Defaults to no smoothing.
        max_faces (int, optional): Follow no more than so many faces, those with the highest scores of the detector.
        redetect_interval (int): Frames between two regular runs of the detector. Defaults to 25.
        return_unconfirmed (bool): Also return faces that the detector has seen but once. Defaults to False.

    Raises:
        ValueError: If ``max_faces`` or ``redetect_interval`` are below 1.
    """

    def __init__(self,
                 landmarker: Optional[FaceLandmarker] = None,
                 smoothing: Optional[dict] = None,
                 max_faces: Optional[int] = None,
                 redetect_interval: int = 25,
                 return_unconfirmed: bool = False) -> None:
        self.landmarker = landmarker or FaceLandmarker()
        self.return_unconfirmed = return_unconfirmed
        turned = self.landmarker.orientation != 'upright'
        self.tracks = FaceTracks(
            self._detect, self._find, self._follow, self.landmarker.model.layout if turned else None,
            smoothing, max_faces, redetect_interval)

    def __call__(self, frame: Image) -> List[Face]:
        """The faces of the next frame, see :func:`mmfld.runtime.read_image`, with their ``track_id``."""
        return [self._face(track) for track in self.tracks.step(read_image(frame))
                if track.is_confirmed or self.return_unconfirmed]

    def _face(self, track: Track) -> Face:
        landmarks = np.asarray(track.landmarks, np.float32)
        angle = float(eye_angle(landmarks, self.landmarker.model.layout))
        return Face(landmarks, track.prediction.scores, tight_box(landmarks), track.detection_score, angle,
                    track.track_id, track.is_confirmed, track.prediction.more.covariances)

    def _detect(self, image: np.ndarray) -> np.ndarray:
        """(N, 10) landmark boxes and scores, then what :meth:`_find` needs: the detector's boxes and angles."""
        boxes, angles = detect(self.landmarker.detector, image, self.landmarker.orientation)
        return np.column_stack([landmark_boxes(boxes, self.landmarker.calibration, angles), boxes[:, 4], boxes[:, :4],
                                angles])

    def _find(self, image: np.ndarray, detections: np.ndarray) -> List[Prediction]:
        landmarker = self.landmarker
        fit, crops = align(
            partial(landmarker.fit, [image]), np.zeros(len(detections), int), detections[:, 5:9],
            landmarker.model.layout, landmarker.orientation, landmarker.model.sure, refine=1,
            calibration=landmarker.calibration, start=detections[:, 9])
        return _predictions(crops, fit)

    def _follow(self, image: np.ndarray, tracks: Sequence[Track]) -> List[Prediction]:
        crops = Crops(np.zeros(len(tracks), int), np.array([track.box for track in tracks]),
                      np.array([track.angle for track in tracks]))
        state = None if tracks[0].state is None else np.stack([track.state for track in tracks])
        return _predictions(crops, self.landmarker.fit([image], crops, state))


def _predictions(crops: Crops, fit: Fit) -> List[Prediction]:
    return [Prediction(box, angle, landmarks, scores, more.state, more)
            for box, angle, landmarks, scores, more in zip(crops.box, crops.angle, *fit)]
