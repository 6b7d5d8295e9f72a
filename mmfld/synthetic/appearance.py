"""What a face looks like apart from its shape: colours, hair, light, and the six WFLW-like flags."""

from dataclasses import dataclass

import numpy as np

# RGB of skin from light to dark, of hair, irises and lips
_SKIN = np.array(
    [(246, 214, 192), (236, 194, 164), (220, 172, 136), (188, 136, 98), (136, 92, 64), (88, 58, 44)], float
)
_HAIR = np.array(
    [
        (22, 18, 17),
        (44, 30, 22),
        (78, 50, 32),
        (122, 84, 50),
        (184, 142, 88),
        (214, 186, 140),
        (120, 54, 28),
        (150, 148, 146),
        (206, 204, 200),
    ],
    float,
)
_IRIS = np.array([(70, 42, 24), (52, 32, 20), (104, 72, 40), (96, 108, 62), (84, 118, 150), (120, 140, 150)], float)
_LIPSTICK = np.array([(176, 22, 40), (140, 16, 54), (206, 60, 90), (110, 24, 40), (214, 84, 64)], float)
_SHADOW = np.array([(70, 60, 130), (60, 110, 120), (120, 60, 110), (60, 44, 40), (150, 90, 50)], float)

HAIR_STYLES = ('bald', 'short', 'receding', 'fringe', 'parted', 'long', 'long_fringe')


@dataclass
class Appearance:
    """Colours are (3, ) float arrays in BGR, 0 ... 255; everything else is a fraction unless stated.

    Attributes:
        skin, lips, hair, iris (ndarray): Colours.
        hair_style (str): One of ``HAIR_STYLES``.
        hair_volume (float): Thickness of the hair in units of the head.
        hair_seed (int): Seed of the hairline's irregularities.
        parting (float): Where the hair is parted, -1 ... 1.
        beard, moustache, stubble (float): Opacity.
        glasses (bool): Clear glasses, with a frame of ``glasses_colour``.
        age (float): Strength of wrinkles.
        freckles (float): Their strength.
        light (ndarray): (3, ) unit vector towards the main light in the camera's frame.
        ambient, diffuse (ndarray): (3, ) BGR factors of the two light terms.
        gain, gamma (float): Exposure and tone curve of the picture.
        lipstick, eye_shadow (ndarray, None): Colours of the make-up; with ``blush`` and ``eyeliner`` as opacities.
        noise (float): Standard deviation of the image noise in grey levels.
        tiles (ndarray): (8, ) uniform numbers that place the precomputed noise textures.
    """

    skin: np.ndarray
    lips: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    hair_style: str
    hair_volume: float
    hair_seed: int
    parting: float
    beard: float
    moustache: float
    stubble: float
    glasses: bool
    glasses_colour: np.ndarray
    age: float
    freckles: float
    light: np.ndarray
    ambient: np.ndarray
    diffuse: np.ndarray
    gain: float
    gamma: float
    noise: float
    tiles: np.ndarray
    lipstick: np.ndarray | None = None
    eye_shadow: np.ndarray | None = None
    blush: float = 0.0
    eyeliner: float = 0.35

    @property
    def long_hair(self) -> bool:
        return self.hair_style.startswith('long')

    @classmethod
    def sample(cls, rng: np.random.Generator) -> 'Appearance':
        """A face without any flag set."""
        tone = rng.beta(1.2, 1.6)
        skin = _between(_SKIN, tone)
        skin = np.clip(skin * (1 + 0.05 * rng.standard_normal(3)), 0, 255)
        # dark skin goes with dark hair
        hair = _HAIR[rng.integers(3) if tone > 0.45 else rng.integers(len(_HAIR))]
        hair = np.clip(hair * (1 + 0.15 * rng.standard_normal()) + 6 * rng.random(3), 8, 235)
        iris = _IRIS[rng.integers(2) if tone > 0.45 else rng.integers(len(_IRIS))]
        bearded = rng.random() < 0.22
        style = HAIR_STYLES[rng.choice(len(HAIR_STYLES), p=[0.08, 0.30, 0.08, 0.14, 0.16, 0.16, 0.08])]
        if bearded and style.startswith('long'):
            style = 'short'
        warmth = 0.05 * rng.standard_normal()
        tint = np.array([1 + warmth, 1.0, 1 - warmth])
        direction = np.array([0.75 * rng.standard_normal(), -0.35 - 0.5 * rng.random(), 1.0])
        ambient = rng.uniform(0.45, 0.75)
        return cls(
            skin=skin[::-1].copy(),
            lips=(0.52 * skin + 0.48 * np.array([178.0, 74, 74]) * (1 - 0.45 * tone))[::-1].copy(),
            hair=hair[::-1].copy(),
            iris=iris[::-1].copy(),
            hair_style=style,
            hair_volume=rng.uniform(0.04, 0.13),
            hair_seed=int(rng.integers(2**31)),
            parting=rng.uniform(-1, 1),
            beard=rng.uniform(0.35, 0.85) if bearded and rng.random() < 0.7 else 0.0,
            moustache=rng.uniform(0.4, 0.85) if bearded else 0.0,
            stubble=rng.uniform(0, 0.35) if rng.random() < 0.25 and not style.startswith('long') else 0.0,
            glasses=rng.random() < 0.14,
            glasses_colour=rng.uniform(10, 60, 3) if rng.random() < 0.7 else rng.uniform(100, 170, 3),
            age=rng.beta(1.2, 2.0),
            freckles=rng.uniform(0.3, 1) if rng.random() < 0.15 else 0.0,
            light=direction / np.linalg.norm(direction),
            ambient=ambient * tint,
            diffuse=(1.10 - ambient) * tint[::-1] * 1.15,
            gain=rng.uniform(0.85, 1.12),
            gamma=rng.uniform(0.85, 1.15),
            noise=rng.uniform(0.5, 4),
            tiles=rng.random(8),
        )

    def put_on_make_up(self, rng: np.random.Generator) -> None:
        """Strong lipstick, eye shadow, eyeliner and blush."""
        self.lipstick = _LIPSTICK[rng.integers(len(_LIPSTICK))][::-1].copy()
        self.eye_shadow = _SHADOW[rng.integers(len(_SHADOW))][::-1].copy()
        self.blush = rng.uniform(0.15, 0.4)
        self.eyeliner = rng.uniform(0.8, 1)
        self.beard = self.moustache = self.stubble = 0.0

    def light_badly(self, rng: np.random.Generator) -> None:
        """A strong side light, darkness, over-exposure, or coloured light."""
        kind = rng.integers(4)
        if kind == 0:
            side = 1 if rng.random() < 0.5 else -1
            direction = np.array([side, rng.uniform(-0.5, 0.2), rng.uniform(-0.1, 0.3)])
            self.light = direction / np.linalg.norm(direction)
            self.ambient, self.diffuse = self.ambient * 0.35, self.diffuse * rng.uniform(2.2, 3)
        elif kind == 1:
            self.gain, self.gamma, self.noise = rng.uniform(0.28, 0.45), rng.uniform(1, 1.2), rng.uniform(3, 9)
        elif kind == 2:
            self.gain, self.gamma = rng.uniform(1.4, 1.8), rng.uniform(0.7, 0.9)
        else:
            colour = np.array([1.0, 1.0, 1.0])
            colour[rng.integers(3)], colour[rng.integers(3)] = rng.uniform(0.5, 0.7), rng.uniform(1.1, 1.4)
            self.ambient, self.diffuse = self.ambient * colour, self.diffuse * colour


def _between(table: np.ndarray, fraction: float) -> np.ndarray:
    """Linear interpolation between the rows of a colour table."""
    at = fraction * (len(table) - 1)
    low = min(int(at), len(table) - 2)
    return table[low] + (at - low) * (table[low + 1] - table[low])
