"""The faces of a video, followed by a landmarker."""

import numpy as np

from .arguments import check_flag
from .boxes import tight_box
from .crops import eye_angle
from .images import Image, read_image
from .landmarker import Face, FaceLandmarker
from .tracking import FaceTracks, Track


class FaceTracker:
    """Follows the landmarks of all faces of one video: the crop of a frame comes from the frame before, turned as it.

    >>> tracker = FaceTracker()
    >>> for frame in ['photo.jpg'] * 3:  # or arrays (H, W, 3) uint8 in BGR, as a camera gives them
    ...     print([face.track_id for face in tracker(frame)])
    []
    [0]
    [0]

    A model that refines landmarks by the frames before remembers those of each face. What begins, doubts about and ends
    a track is told in ``docs/howto/track.md``. One object is for one video and one thread; several may share a
    landmarker. (``type='FaceTracker'`` of a config is none of this, but a model.)

    Args:
        landmarker (FaceLandmarker, optional): Defaults to one with its defaults.
        smoothing (dict, optional): Arguments of :class:`mmfld.runtime.OneEuroFilter`. Defaults to no smoothing.
        max_faces (int, optional): Follow no more than so many faces, those with the highest scores of the detector.
        redetect_interval (int): Frames between two regular runs of the detector. Defaults to 25.
        return_unconfirmed (bool): Also return faces that the detector has seen but once. Defaults to False.

    Raises:
        ValueError: If an argument has no meaning.
    """

    def __init__(
        self,
        landmarker: FaceLandmarker | None = None,
        smoothing: dict | None = None,
        max_faces: int | None = None,
        redetect_interval: int = 25,
        return_unconfirmed: bool = False,
    ) -> None:
        if landmarker is not None and not isinstance(landmarker, FaceLandmarker):
            raise ValueError(f'found landmarker={landmarker!r}, expected a FaceLandmarker')
        check_flag('return_unconfirmed', return_unconfirmed)
        self.landmarker = landmarker or FaceLandmarker()
        self.return_unconfirmed = return_unconfirmed
        model = self.landmarker.model
        self.tracks = FaceTracks(
            self.landmarker.detector,
            self.landmarker.fit,
            model.layout,
            self.landmarker.orientation,
            model.sure,
            smoothing,
            max_faces,
            redetect_interval,
            self.landmarker.min_score,
        )

    def __call__(self, frame: Image, time: float | None = None) -> list[Face]:
        """The faces of the next frame, see :func:`mmfld.runtime.read_image`, with their ``track_id``.

        Args:
            frame (str | Path | ndarray | PIL.Image): The picture.
            time (float, optional): Of the frame in seconds, of all frames of a video or of none: ``smoothing`` then
                smooths alike at any rate, also one that varies. Defaults to one frame after the last one.
        """
        return [
            self._face(track)
            for track in self.tracks.step(read_image(frame), time)
            if track.is_confirmed or self.return_unconfirmed
        ]

    def _face(self, track: Track) -> Face:
        landmarks = np.asarray(track.landmarks, np.float32)
        angle = float(eye_angle(landmarks, self.landmarker.model.layout))
        return Face(
            landmarks,
            track.prediction.scores,
            tight_box(landmarks),
            track.detection_score,
            angle,
            track.track_id,
            track.is_confirmed,
            **track.prediction.more,
        )
