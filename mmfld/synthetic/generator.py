"""Synthetic faces with exact landmarks in four layouts and WFLW-like flags."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mmfld.structures import get_layout

from .appearance import Appearance
from .camera import Camera
from .face_model import Expression, FaceShape, Identity
from .landmarks import ProjectedFace, project_face
from .picture import make_background, occlude, photograph
from .renderer import render_face

FLAGS = ('large_pose', 'expression', 'illumination', 'make_up', 'occlusion', 'blur')
# share of the WFLW test faces that carry each flag
NATURAL = dict(zip(FLAGS, (0.13, 0.126, 0.279, 0.082, 0.294, 0.309)))

# Random streams of a face and of a clip. Each part has its own, so that a flag or an option changes nothing but its own
# part.
_STREAMS = (
    'flags',
    'identity',
    'expression',
    'pose',
    'place',
    'appearance',
    'light',
    'make_up',
    'background',
    'occlusion',
    'camera',
    'annotation',
    'motion',
    'bursts',
    'grain',
    'yaw',
)


@dataclass(frozen=True)
class SyntheticFace:
    """One face.

    Attributes:
        image (ndarray): (S, S, 3) uint8 BGR.
        keypoints (dict[str, ndarray]): Layout -> exact landmarks, (K, 2) float32 pixels, pixel centres at integers.
        annotations (dict[str, ndarray]): The landmarks as annotated: with the boundary noise, else the exact ones.
        tangents (dict[str, ndarray]): Layout -> (K, 2) float32 unit vectors along the boundary on which a landmark
            lies; (0, 0) where it lies on none.
        attributes (dict[str, int]): The flags, 0 or 1.
    """

    image: np.ndarray
    keypoints: dict[str, np.ndarray]
    annotations: dict[str, np.ndarray]
    tangents: dict[str, np.ndarray]
    attributes: dict[str, int]


@dataclass(frozen=True)
class Scene:
    """What a face is rendered from.

    Attributes:
        shape (FaceShape): The face.
        camera (Camera): Its pose and place.
        face (ProjectedFace): Its landmarks.
        look (Appearance): Colours, hair and light.
        background (ndarray): (S, S, 3) uint8 BGR.
        flags (dict[str, int]): 0 or 1. Those of occlusion and blur are about the picture, not in the other attributes.
    """

    shape: FaceShape
    camera: Camera
    face: ProjectedFace
    look: Appearance
    background: np.ndarray
    flags: dict[str, int]


class SyntheticFaceGenerator:
    """Draws faces; face ``index`` depends on the arguments and the index alone, not on what was drawn before.

    Args:
        seed (int): Non-negative.
        image_size (int): S, side of the square picture in pixels, 64 to 800. The longer side of the landmarks'
            box takes 45 to 65 % of it.
        boundary_noise (float): Standard deviation, in units of the inter-ocular distance in the image, of a normal
            shift of each annotated landmark along the tangent of its boundary. A controlled form of the semantic
            ambiguity of landmarks that are defined along a line and not across it (STAR loss, CVPR 2023). Landmarks
            on no boundary stay.
        flags (str | dict[str, float]): Probability of each flag: ``'natural'`` as in the WFLW test set, ``'none'``, or
            a dict, where flags that are not named have probability 0.
        yaw (tuple[float, float], optional): Turn all heads to either side by so many degrees, uniformly between the
            two, 0 to 90. Defaults to None: within 30, or 35 to 59 with a large pose.

    Raises:
        ValueError: If ``flags`` names an unknown flag or set of flags, or a number is out of range.

    Example:
        >>> face = SyntheticFaceGenerator(seed=0)[7]
        >>> face.image.shape, face.keypoints['wflw98'].shape
        ((256, 256, 3), (98, 2))
    """

    def __init__(
        self,
        seed: int = 0,
        image_size: int = 256,
        boundary_noise: float = 0.0,
        flags: str | Mapping[str, float] = 'natural',
        yaw: tuple[float, float] | None = None,
    ):
        if isinstance(flags, str):
            if flags not in ('natural', 'none'):
                raise ValueError(f"flags is {flags!r}, expected 'natural', 'none' or a dict of probabilities")
            flags = NATURAL if flags == 'natural' else {}
        if set(flags) - set(FLAGS):
            raise ValueError(f'flags has {sorted(set(flags) - set(FLAGS))}, expected names among {list(FLAGS)}')
        if seed < 0 or boundary_noise < 0 or not 64 <= image_size <= 800:
            raise ValueError(
                f'found seed {seed}, boundary_noise {boundary_noise}, image_size {image_size}; expected '
                'seed >= 0, boundary_noise >= 0, image_size from 64 to 800'
            )
        if yaw is not None and not 0 <= yaw[0] <= yaw[1] <= 90:
            raise ValueError(f'found yaw {yaw}, expected two angles in increasing order, from 0 to 90 degrees')
        self.seed, self.image_size, self.boundary_noise, self.yaw = seed, image_size, boundary_noise, yaw
        self.flags = {name: float(flags.get(name, 0)) for name in FLAGS}

    def __getitem__(self, index: int) -> SyntheticFace:
        scene = self.scene(index)
        face, look, flags = scene.face, scene.look, scene.flags
        image = render_face(scene.shape, scene.camera, look, scene.background)
        if flags['occlusion']:
            occlude(image, scene.shape, scene.camera, look, face, self.stream(index, 'occlusion'))
        image = photograph(image, look, float(flags['blur']), self.stream(index, 'camera'), look.tiles[6])

        rng, annotations = self.stream(index, 'annotation'), {}
        for layout, points in face.keypoints.items():
            first, second = points[list(get_layout(layout).eye_corners)]
            along = rng.standard_normal(len(points)) * self.boundary_noise * np.hypot(*(second - first))
            annotations[layout] = points + along[:, None].astype(np.float32) * face.tangents[layout]
        return SyntheticFace(image, face.keypoints, annotations, face.tangents, flags)

    def scene(self, index: int) -> Scene:
        """What face ``index`` is rendered from."""
        rng = {name: self.stream(index, name) for name in _STREAMS}
        flags = {name: int(rng['flags'].random() < chance) for name, chance in self.flags.items()}
        shape = FaceShape(
            Identity.sample(rng['identity']), Expression.sample(rng['expression'], bool(flags['expression']))
        )
        yaw, pitch, roll = _pose(rng['pose'], bool(flags['large_pose']))
        if self.yaw is not None:
            yaw = np.deg2rad(rng['yaw'].uniform(*self.yaw)) * rng['yaw'].choice([-1, 1])
        camera = Camera(float(yaw), pitch, roll, distance=rng['place'].uniform(6, 14))
        face = project_face(shape, camera)
        scale, offset = self._placement(face.keypoints['wflw98'], rng['place'])
        camera, face = replace(camera, scale=scale, center=tuple(offset.tolist())), face.moved(scale, offset)
        look = Appearance.sample(rng['appearance'])
        if flags['make_up']:
            look.put_on_make_up(rng['make_up'])
        if flags['illumination']:
            look.light_badly(rng['light'])
        return Scene(shape, camera, face, look, make_background(rng['background'], self.image_size), flags)

    def stream(self, index: int, name: str) -> np.random.Generator:
        """Random numbers for one part of face ``index``, the same at each call."""
        return np.random.default_rng([self.seed, index, _STREAMS.index(name)])

    def _placement(self, points: np.ndarray, rng: np.random.Generator) -> tuple[float, np.ndarray]:
        """Scale and offset that give the box of the landmarks its size and place in the picture."""
        low, high = points.min(axis=0), points.max(axis=0)
        scale = float(rng.uniform(0.45, 0.65) * self.image_size / (high - low).max())
        middle = self.image_size / 2 - 0.5 + rng.uniform(-0.05, 0.05, 2) * self.image_size
        return scale, middle - scale * (low + high) / 2


def _pose(rng: np.random.Generator, large: bool) -> tuple[float, float, float]:
    """Yaw, pitch and roll in radians: within 30, 14 and 20 degrees of frontal, or one of them beyond."""
    degrees = np.clip(rng.standard_normal(3), -2, 2) * (14, 6, 8)
    side, amount, kind = np.sign(rng.random() - 0.5), rng.random(), rng.random()
    if large and kind < 0.7:
        degrees[0] = side * (35 + 24 * amount)
    elif large and kind < 0.85:
        degrees[1] = side * (22 + 10 * amount)
    elif large:
        degrees[2] = side * (30 + 30 * amount)
    return tuple(np.deg2rad(degrees).tolist())
