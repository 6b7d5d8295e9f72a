"""Faces of three discs, and a model that knows them."""

import cv2
import numpy as np

from mmfld.runtime.boxes import tight_box
from mmfld.runtime.model import Prediction
from mmfld.structures import get_layout

LAYOUT = get_layout('300w68')
# as parts of the size of a face, upright: a blue and a green eye and a red mouth are seen, the rest lies around them
DISCS = np.array([[-0.25, -0.2], [0.25, -0.2], [0.0, 0.3]])
SHAPE = np.random.default_rng(0).uniform(-0.45, 0.45, (68, 2))
SHAPE[36], SHAPE[45] = (-0.4, -0.2), (0.4, -0.2)
SHAPE[8], SHAPE[19], SHAPE[0], SHAPE[16] = (0, 0.5), (0, -0.5), (-0.5, 0), (0.5, 0)


def placed(shape, x, y, size, angle):
    """Points of a face at (x, y), turned clockwise by degrees."""
    a = np.deg2rad(angle)
    return size * shape @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + (x, y)


class FakeFace:
    """A face in a picture."""

    def __init__(self, x, y, size=60.0, angle=0.0):
        self.place = (x, y, size, angle)

    @property
    def landmarks(self):
        return placed(SHAPE, *self.place)

    @property
    def box(self):
        return tight_box(self.landmarks)

    def draw(self, image):
        for channel, (x, y) in enumerate(placed(DISCS, *self.place)):
            plane = np.ascontiguousarray(image[..., channel])
            cv2.circle(plane, (round(x * 16), round(y * 16)), round(self.place[2] * 0.08 * 16), 255, -1, cv2.LINE_AA, 4)
            image[..., channel] = plane


def picture(*faces, size=(200, 160)):
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for face in faces:
        face.draw(image)
    return image


class FakeModel:
    """Sure of faces that are upright within 50 degrees, and a little worse off, in place, the more they are turned."""

    layout = LAYOUT
    input_size = (64, 64)
    crop_rule, crop_padding = 'longer_side', 1.2
    sure = 0.4
    min_score = None

    def __init__(self):
        self.batches = []

    def __call__(self, crops, state=None):
        self.batches.append(len(crops))
        points, scores = zip(*map(self.predict, crops)) if len(crops) else ((), ())
        return Prediction(np.array(points, np.float32).reshape(-1, 68, 2), np.array(scores, np.float32).reshape(-1, 68))

    def predict(self, crop):
        middles = []
        for channel in range(3):
            rows, columns = np.nonzero(crop[..., channel] > 128)
            if not len(rows):
                return SHAPE * 40 + 31.5, np.full(68, 0.1)
            middles.append((columns.mean(), rows.mean()))
        blue, green, red = np.array(middles)
        size = np.linalg.norm(green - blue) / 0.5
        angle = np.rad2deg(np.arctan2(*(green - blue)[::-1]))
        middle = placed(-DISCS[2][None], *red, size, angle)[0]
        if abs(angle) > 50:
            return placed(SHAPE, *middle, size, 0), np.full(68, 0.15)
        points = placed(SHAPE, *middle, size, angle)
        points[:5] += abs(angle) / 10
        return points, np.full(68, 0.6)


class RememberingModel(FakeModel):
    """Counts the frames of each face. Variances are 4 squared pixels of the crop across and 1 down, times that."""

    def __call__(self, crops, state=None):
        frames = np.ones((len(crops), 1)) if state is None else state + 1
        spread = frames[..., None, None] * np.tile(np.diag([4.0, 1.0]), (len(crops), 68, 1, 1))
        return super().__call__(crops)._replace(covariances=spread, state=frames)


class FakeDetector:
    """Finds the given faces by their boxes."""

    def __init__(self, *faces):
        self.faces = faces
        self.asked = 0

    def __call__(self, image):
        self.asked += 1
        return np.array([[*face.box, 0.9] for face in self.faces]).reshape(-1, 5)
