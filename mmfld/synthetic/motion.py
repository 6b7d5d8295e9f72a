"""How a face moves in a clip: smooth random processes for its place, its pose and its expression.

A process is a sum of four sinusoids with random frequencies f within a band, random phases, and amplitudes that go with
1 / f and add up to 1. So it stays within [-1, 1], and its derivatives have bounds: at 25 frames a second and f below
1.2 Hz, it changes by 2 pi 1.2 / 25 = .30 a frame at the very most, and by .06 as a rule.
"""

from dataclasses import dataclass, replace

import numpy as np

from .camera import Camera
from .face_model import Expression

FRAME_RATE = 25  # frames a second

_SINUSOIDS = 4
# how far an expression moves either way at most; the mouth and the pucker, which begin at 0, go one way only
_BOTH_WAYS = dict(
    smile=0.35,
    smile_asymmetry=0.1,
    brow_raise=0.5,
    brow_asymmetry=0.15,
    eye_closure=0.12,
    closure_asymmetry=0.04,
    gaze_x=0.6,
    gaze_y=0.3,
)
_ONE_WAY = dict(mouth_open=0.55, pucker=0.3)
_BLINK = (0.20, 0.36)  # its length in seconds


@dataclass(frozen=True)
class Motion:
    """How much and how fast a face moves.

    An amplitude bounds how far a quantity departs from its value at rest, in either direction. Each clip draws its own
    share of it, 30 to 100 %, as some people move more than others.

    Args:
        shift (float): Amplitude of x and of y, in units of the head: the distance of the outer corners of the eyes. A
            face is 1.6 units wide.
        zoom (float): Of the logarithm of the scale.
        yaw, pitch, roll (float): Degrees.
        expression (float): Of mouth, brows, eyes and gaze: 1 for what people do while they talk.
        blinks (float): Blinks a second.
        head_band, expression_band (tuple[float, float]): Lowest and highest frequency in Hz of shift, zoom and pose,
            and of the expression. At 25 frames a second, the landmarks of the defaults move by about 1 % of the size
            of the face from frame to frame, and by 5 % at the most.
    """

    shift: float = 0.3
    zoom: float = 0.10
    yaw: float = 18.0
    pitch: float = 9.0
    roll: float = 9.0
    expression: float = 1.0
    blinks: float = 0.4
    head_band: tuple[float, float] = (0.1, 1.2)
    expression_band: tuple[float, float] = (0.3, 2.5)

    def sample(
        self, camera: Camera, expression: Expression, num_frames: int, rng: np.random.Generator
    ) -> list[tuple[Camera, Expression]]:
        """Pose, place and expression in each frame.

        Args:
            camera (Camera): Pose and place at rest.
            expression (Expression): That at rest.
            num_frames (int): T.
            rng (Generator): Source of all random numbers.

        Returns:
            list: T pairs of a camera and an expression.
        """
        time = np.arange(num_frames) / FRAME_RATE
        head = smooth_processes(rng, time, self.head_band, 6)
        x, y, zoom, yaw, pitch, roll = (
            head
            * [
                self.shift * camera.scale,
                self.shift * camera.scale,
                self.zoom,
                *np.deg2rad([self.yaw, self.pitch, self.roll]),
            ]
        ).T
        names = [*_BOTH_WAYS, *_ONE_WAY]
        moves = smooth_processes(rng, time, self.expression_band, len(names))
        moves[:, len(_BOTH_WAYS) :] = moves[:, len(_BOTH_WAYS) :] / 2 + 0.5
        moves *= [self.expression * amplitude for amplitude in (*_BOTH_WAYS.values(), *_ONE_WAY.values())]
        blink = _blinks(rng, time, self.blinks)

        frames = []
        for t in range(num_frames):
            moved = {name: getattr(expression, name) + move for name, move in zip(names, moves[t].tolist())}
            moved['eye_closure'] += float(blink[t]) * (1 - moved['eye_closure'])
            frames.append(
                (
                    replace(
                        camera,
                        yaw=camera.yaw + float(yaw[t]),
                        pitch=camera.pitch + float(pitch[t]),
                        roll=camera.roll + float(roll[t]),
                        scale=camera.scale * float(np.exp(zoom[t])),
                        center=(camera.center[0] + float(x[t]), camera.center[1] + float(y[t])),
                    ),
                    replace(expression, **moved),
                )
            )
        return frames


STILL = Motion(shift=0.0, zoom=0.0, yaw=0.0, pitch=0.0, roll=0.0, expression=0.0, blinks=0.0)


def smooth_processes(rng: np.random.Generator, time: np.ndarray, band: tuple[float, float], count: int) -> np.ndarray:
    """``count`` smooth processes in [-1, 1] at times (T, ) in seconds; (T, count)."""
    frequency = rng.uniform(*band, (_SINUSOIDS, count))
    phase = rng.uniform(0, 2 * np.pi, (_SINUSOIDS, count))
    amplitude = rng.uniform(0.3, 1, count) / frequency / (1 / frequency).sum(axis=0)
    return (amplitude * np.sin(2 * np.pi * frequency * time[:, None, None] + phase)).sum(axis=1)


def _blinks(rng: np.random.Generator, time: np.ndarray, rate: float) -> np.ndarray:
    """How far blinks close the eyes, 0 to 1, at times (T, ) in seconds."""
    duration = len(time) / FRAME_RATE
    closure = np.zeros(len(time))
    for _ in range(rng.poisson(rate * duration)):
        middle, length = rng.uniform(0, duration), rng.uniform(*_BLINK)
        phase = np.clip((time - middle) / length, -0.5, 0.5)
        closure = np.maximum(closure, np.cos(np.pi * phase) ** 2)
    return closure
