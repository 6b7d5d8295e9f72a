"""Clips of synthetic faces that move, with exact landmarks and bursts of disturbance."""

from dataclasses import dataclass, replace

import numpy as np

from .appearance import Appearance
from .camera import Camera
from .face_model import FaceShape
from .generator import NATURAL, SyntheticFace, SyntheticFaceGenerator
from .landmarks import ProjectedFace, project_face
from .motion import Motion
from .picture import HELD, hold_before, photograph
from .renderer import render_face

# flags that hold for a whole clip; expression, occlusion and blur change within it
SCENE_FLAGS = {name: NATURAL[name] for name in ('large_pose', 'illumination', 'make_up')}
BURSTS = (*HELD, 'blur', 'dark')
BURST_FRAMES = (3, 10)  # shortest and longest burst
_CLEAN_FRAMES = 4  # at the beginning and between two bursts, at least
_MARGIN = 0.02  # of the picture, around all landmarks of all frames


@dataclass(frozen=True)
class Burst:
    """Consecutive frames that are disturbed in the same way.

    Attributes:
        start, stop (int): The first of the frames, and the one after the last.
        kind (str): One of ``BURSTS``: something is held before the face, or the picture is blurred or dark.
        seed (int): For what stays the same in these frames, such as the colour of the thing.
        strength (float): 0 to 1: size of the thing, amount of blur or darkness.
        path (ndarray): (2, 2), (x, y) of the thing in the first and in the last frame, in units of the head, relative
            to a place between the middle of the face and one of its landmarks.
    """

    start: int
    stop: int
    kind: str
    seed: int
    strength: float
    path: np.ndarray

    def hold(self, image: np.ndarray, frame: int, camera: Camera, look: Appearance, face: ProjectedFace) -> None:
        """Draw the thing that is held before the face, if this is such a burst."""
        if self.kind in HELD:
            passed = (frame - self.start) / (self.stop - self.start - 1)
            moved = camera.scale * (self.path[0] + passed * (self.path[1] - self.path[0]))
            middle = face.keypoints['300w68'].mean(axis=0)
            # half as large, so that its landmarks are well within the face
            hold_before(
                image,
                self.kind,
                camera.scale * (1.2 + 0.6 * self.strength),
                look,
                face.moved(0.5, middle / 2 + moved),
                np.random.default_rng(self.seed),
            )

    @property
    def blur(self) -> float:
        """As of :func:`photograph`."""
        return 1.5 + self.strength if self.kind == 'blur' else 0.0

    def darken(self, look: Appearance) -> Appearance:
        """The looks in too little light, if this is such a burst."""
        if self.kind != 'dark':
            return look
        return replace(
            look, gain=look.gain * (0.22 - 0.14 * self.strength), noise=max(look.noise, 4 + 5 * self.strength)
        )


def draw_bursts(num_frames: int, share: float, rng: np.random.Generator) -> list[Burst]:
    """Bursts of a clip, in order; one that the end would leave less than 3 frames is not there.

    Args:
        num_frames (int): T.
        share (float): Of the frames of a long clip that are in bursts, 0 to 0.5.
        rng (Generator): Source of all random numbers.
    """
    bursts: list[Burst] = []
    if not share:
        return bursts
    clean = np.mean(BURST_FRAMES) * (1 / share - 1)  # frames between two bursts on average
    start = _CLEAN_FRAMES + int(rng.uniform(0, clean))
    while start + BURST_FRAMES[0] <= num_frames:
        stop = start + int(rng.integers(BURST_FRAMES[0], BURST_FRAMES[1] + 1))
        bursts.append(
            Burst(
                start,
                min(stop, num_frames),
                BURSTS[rng.integers(len(BURSTS))],
                int(rng.integers(2**31)),
                rng.random(),
                rng.uniform(-0.4, 0.4, (2, 2)),
            )
        )
        start = stop + _CLEAN_FRAMES + round(rng.exponential(max(clean - _CLEAN_FRAMES, 0)))
    return bursts


class SyntheticClipGenerator:
    """Draws clips; clip ``index`` depends on the arguments and the index alone, not on what was drawn before.

    A clip shows one face before one background in one light. It moves smoothly around the pose, place and expression in
    which :class:`SyntheticFaceGenerator` draws face ``index``. In *bursts* of 3 to 10 frames, something is held before
    the face, or the picture is blurred or dark. The noise of the camera is new in each frame.

    An item is a list of T :class:`SyntheticFace`, whose ``annotations`` are the exact landmarks, seen or not, and whose
    ``attributes`` are ``burst``, 1 in the frames of a burst and 0 in others.

    Args:
        seed (int): Non-negative.
        image_size (int): S, side of the square frames in pixels, 64 to 800. At rest, the longer side of the landmarks'
            box takes 45 to 65 % of it; no landmark moves outside.
        num_frames (int): T, at 25 frames a second.
        motion (Motion): How much and how fast the face moves. ``STILL``: all frames show the same face.
        burst_share (float): Share of the frames of a long clip that are in bursts, 0 to 0.5.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> clip = SyntheticClipGenerator(seed=0, num_frames=16)[7]
        >>> len(clip), clip[0].image.shape, clip[0].keypoints['300w68'].shape, clip[0].attributes
        (16, (192, 192, 3), (68, 2), {'burst': 0})
    """

    def __init__(
        self,
        seed: int = 0,
        image_size: int = 192,
        num_frames: int = 32,
        motion: Motion = Motion(),
        burst_share: float = 0.25,
    ):
        if num_frames < 1 or not 0 <= burst_share <= 0.5:
            raise ValueError(
                f'found num_frames {num_frames}, burst_share {burst_share}; expected num_frames >= 1, '
                'burst_share from 0 to 0.5'
            )
        self.faces = SyntheticFaceGenerator(seed, image_size, flags=SCENE_FLAGS)
        self.num_frames, self.motion, self.burst_share = num_frames, motion, burst_share

    def __getitem__(self, index: int) -> list[SyntheticFace]:
        scene = self.faces.scene(index)
        poses = self.motion.sample(
            scene.camera, scene.shape.expression, self.num_frames, self.faces.stream(index, 'motion')
        )
        shapes = [FaceShape(scene.shape.identity, expression) for _, expression in poses]
        faces = [project_face(shape, camera) for shape, (camera, _) in zip(shapes, poses)]
        scale, offset = self._fit(faces)
        in_burst: list[Burst | None] = [None] * self.num_frames
        for burst in self.bursts(index):
            in_burst[burst.start : burst.stop] = [burst] * (burst.stop - burst.start)
        grain = self.faces.stream(index, 'grain')

        clip = []
        for frame, ((camera, _), shape, face, burst) in enumerate(zip(poses, shapes, faces, in_burst)):
            center = (scale * np.array(camera.center) + offset).tolist()
            camera, face = replace(camera, scale=scale * camera.scale, center=tuple(center)), face.moved(scale, offset)
            look, blur = scene.look, 0.0
            image = render_face(shape, camera, look, scene.background.copy())
            rng = self.faces.stream(index, 'camera')
            if burst:
                burst.hold(image, frame, camera, look, face)
                look, blur, rng = burst.darken(look), burst.blur, np.random.default_rng(burst.seed)
            image = photograph(image, look, blur, rng, grain.random())
            attributes = dict(burst=int(burst is not None))
            clip.append(SyntheticFace(image, face.keypoints, face.keypoints, face.tangents, attributes))
        return clip

    def bursts(self, index: int) -> list[Burst]:
        """The bursts of clip ``index``, in order."""
        return draw_bursts(self.num_frames, self.burst_share, self.faces.stream(index, 'bursts'))

    def _fit(self, faces: list[ProjectedFace]) -> tuple[float, np.ndarray]:
        """Scale and offset that leave the landmarks of all frames in the picture: 1 and (0, 0) where they are in it."""
        points = np.concatenate([face.keypoints['wflw98'] for face in faces]).astype(float)
        low, high = points.min(axis=0), points.max(axis=0)
        first, last = _MARGIN * self.faces.image_size, (1 - _MARGIN) * self.faces.image_size - 1
        scale = float(min(1.0, (last - first) / (high - low).max()))
        low, high = scale * low, scale * high
        return scale, np.maximum(first - low, 0) - np.maximum(high - last, 0)
