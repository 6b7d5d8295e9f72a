"""Predictions as plain data and as a table with one row a face."""
import csv
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from .landmarker import Face


def to_dict(face: Face) -> Dict[str, Any]:
    """A face as MMPose's inferencers write it, with the angle, its number if it is followed, and
    ``keypoint_covariances`` if there are any."""
    number = {} if face.track_id is None else dict(track_id=face.track_id)
    spread = {} if face.covariances is None else dict(keypoint_covariances=face.covariances.tolist())
    return dict(number, keypoints=face.landmarks.tolist(), keypoint_scores=face.scores.tolist(), **spread,
                bbox=[face.box.tolist()], bbox_score=face.score, angle=face.angle)


class TableWriter:
    """A csv file: file, frame, face or track, score, angle, box (``box_x1``, ...), and x, y and score of each landmark.
    Covariances are in json files alone.

    Args:
        path (Path): To write.
        num_keypoints (int): K.
    """

    def __init__(self, path: Path, num_keypoints: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, 'w', newline='', encoding='utf-8')
        self._rows = csv.writer(self._file)
        self._rows.writerow(['file', 'frame', 'face', 'score', 'angle', 'box_x1', 'box_y1', 'box_x2', 'box_y2',
                             *(f'{name}{k}' for k in range(num_keypoints) for name in ('x', 'y', 'score'))])

    def write(self, path: str, frame: Optional[int], faces: Sequence[Face]) -> None:
        """The faces of an image, or of a frame of a video."""
        for number, face in enumerate(faces):
            points: List[float] = [value for (x, y), score in zip(face.landmarks.tolist(), face.scores.tolist())
                                   for value in (x, y, score)]
            self._rows.writerow([path, '' if frame is None else frame,
                                 number if face.track_id is None else face.track_id, f'{face.score:.4f}',
                                 f'{face.angle:.2f}', *(f'{value:.3f}' for value in (*face.box.tolist(), *points))])

    def close(self) -> None:
        self._file.close()
