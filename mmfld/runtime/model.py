"""A landmark model as ``mmfld export`` writes it: crops in, landmarks in pixels of the crop and their scores out."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..structures import FaceLayout, get_layout
from .images import existing_file
from .network import Network
from .onnx_file import PREFIX, read_metadata

FIELDS = ('layout', 'input_size', 'crop_rule', 'crop_padding')


class Prediction(NamedTuple):
    """Of N crops.

    Args:
        landmarks (ndarray): (N, K, 2) float32, pixels of the crop.
        scores (ndarray): (N, K) float32.
        covariances (ndarray, optional): (N, K, 2, 2) float32, squared pixels of the crop, (x, y) order: of the error of
            a calibrated model, see :attr:`LandmarkModel.degrees_of_freedom`; else of the distribution that each
            landmark is read from, None of models that have no distributions.
        state (ndarray, optional): (N, ...) float32, what a model that refines landmarks by the frames before remembers
            after this one. None of others.
        visible (ndarray, optional): (N, K) float32 probability that nothing covers the landmark, of a calibrated model.
    """

    landmarks: np.ndarray
    scores: np.ndarray
    covariances: np.ndarray | None = None
    state: np.ndarray | None = None
    visible: np.ndarray | None = None


class LandmarkModel:
    """An exported model with what it says of itself. May be called from several threads.

    Args:
        path (str | Path): File.
        backend, threads, precision: See :class:`Network`.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If ``mmfld export`` has not written it.
    """

    def __init__(
        self, path: str | Path, backend: str = 'auto', threads: int | None = None, precision: str = 'float32'
    ) -> None:
        self.path = path = existing_file(path, 'model')
        content = path.read_bytes()
        self.metadata = read_metadata(content, str(path))
        missing = [field for field in FIELDS if field not in self.metadata]
        if missing:
            raise ValueError(
                f'{path}: found no {", ".join(PREFIX + field for field in missing)} in its metadata, '
                'expected a file that `mmfld export` has written'
            )
        layout = self.metadata['layout']
        self.layout: FaceLayout = get_layout(json.loads(layout) if layout.startswith('{') else layout)
        width, height = self.metadata['input_size'].split('x')
        self.input_size = int(width), int(height)
        self.crop_rule = self.metadata['crop_rule']
        self.crop_padding = float(self.metadata['crop_padding'])
        # mean score from which on a fit is the right way up, if it has been measured
        self.sure: float | None = float(self.metadata['sure']) if 'sure' in self.metadata else None
        # mean score below which what a detector proposes is no face, likewise
        self.min_score: float | None = float(self.metadata['min_score']) if 'min_score' in self.metadata else None
        # of Student's t distribution over the plane, which the errors are of if the model is calibrated
        self.degrees_of_freedom: float | None = None
        if 'degrees_of_freedom' in self.metadata:
            self.degrees_of_freedom = float(self.metadata['degrees_of_freedom'])
        self.outputs = self.metadata.get('outputs', 'landmarks scores').split()  # fields of Prediction, in order
        # of one face, if the model remembers the frames before
        self.state_shape: tuple[int, ...] | None = None
        if 'state_shape' in self.metadata:
            self.state_shape = tuple(int(side) for side in self.metadata['state_shape'].split('x'))
        self.network = Network(content, backend, threads, precision)

    def __call__(self, crops: np.ndarray, state: np.ndarray | None = None) -> Prediction:
        """Landmarks of crops.

        Args:
            crops (ndarray): (N, H, W, 3) uint8 in BGR.
            state (ndarray, optional): What the call for the frame before returned for the same N faces, of a model that
                remembers. Defaults to None: the first frame.

        Raises:
            ValueError: If it answers numbers that are not finite.
        """
        if not len(crops):
            points = self.layout.num_keypoints
            shapes: dict[str, tuple[int, ...]] = dict(
                landmarks=(points, 2),
                scores=(points,),
                covariances=(points, 2, 2),
                state=self.state_shape or (),
                visible=(points,),
            )
            return Prediction(**{name: np.zeros((0, *shapes[name]), np.float32) for name in self.outputs})
        inputs = [crops]
        if self.state_shape is not None:
            inputs.append(np.zeros((len(crops), *self.state_shape), np.float32) if state is None else state)
        prediction = Prediction(**dict(zip(self.outputs, self.network(*inputs))))
        if not (np.isfinite(prediction.landmarks).all() and np.isfinite(prediction.scores).all()):
            raise ValueError(f'{self.path}: this model answers landmarks or scores that are not finite')
        return prediction
