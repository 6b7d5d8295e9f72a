"""The One-Euro filter (Casiez, Roussel and Vogel, CHI 2012) for landmarks that come frame by frame."""

import numpy as np

from .arguments import is_number


class OneEuroFilter:
    """Smooths landmarks strongly while they rest and little while they move (Algorithm 1 of the paper)::

        speed  = lowpass(d_cutoff)((x - previous result) / elapsed time / scale)
        result = lowpass(min_cutoff + beta * |speed|)(x)

    Speed is in faces per second: the size of the face in pixels is told with each call as ``scale``, for the defaults
    the distance between the outer eye corners. ``docs/howto/track.md`` says what to change when.

    >>> smooth = OneEuroFilter(rate=30)
    >>> for x in (100.0, 101.0, 100.0, 101.0):  # one landmark that trembles, of a face whose eyes are 80 pixels apart
    ...     print(smooth(np.array([[x, 50.0]]), scale=80).round(1).tolist())
    [[100.0, 50.0]]
    [[100.3, 50.0]]
    [[100.2, 50.0]]
    [[100.5, 50.0]]

    Args:
        min_cutoff (float): Cut-off frequency at rest, Hz. Defaults to 1.
        beta (float): How much the cut-off frequency grows with speed, Hz for each scale per second. Defaults to 20.
        d_cutoff (float): Cut-off frequency of the estimated speed, Hz. Defaults to 1.
        rate (float): Frames per second, for calls without ``timestamp``. Defaults to 25.

    Raises:
        ValueError: If ``beta`` is negative or another argument is not positive.
    """

    def __init__(self, min_cutoff: float = 1.0, beta: float = 20.0, d_cutoff: float = 1.0, rate: float = 25.0) -> None:
        for name, value in dict(min_cutoff=min_cutoff, beta=beta, d_cutoff=d_cutoff, rate=rate).items():
            if not (is_number(value) and (value > 0 or name == 'beta' and value == 0)):
                raise ValueError(f'found {name}={value!r}, expected a positive number; beta may be 0')
        self.min_cutoff = min_cutoff
        self.beta = beta
        self.d_cutoff = d_cutoff
        self.rate = rate
        self.reset()

    def reset(self) -> None:
        """Forget everything, for another face, a cut or a face that was lost: the next points are returned as they
        are."""
        self._result: np.ndarray | None = None
        self._speed: np.ndarray | None = None
        self._time = 0.0

    def __call__(self, points: np.ndarray, scale: float | np.ndarray, timestamp: float | None = None) -> np.ndarray:
        """Filter the points of the next frame.

        Args:
            points (np.ndarray): (..., 2), pixels, of the same shape in all frames: (K, 2) landmarks of a face, or
                (N, K, 2) of N faces in the same order.
            scale (float | np.ndarray): Size of the face in pixels; for several faces an array that broadcasts with the
                points, e.g. (N, 1, 1).
            timestamp (float, optional): Of the frame, seconds. Defaults to 1 / ``rate`` after the last one.

        Returns:
            np.ndarray: (..., 2) float64, pixels.

        Raises:
            ValueError: If a point is not finite, the shape is not that of the frame before, the scale is not positive
                or the time does not go on. The state is then left as it was.
        """
        points = np.array(points, np.float64)
        self._check(points, scale)
        if self._result is None:
            self._time = 0.0 if timestamp is None else timestamp
            self._result, self._speed = points, np.zeros_like(points)
            return points.copy()

        time = self._time + 1 / self.rate if timestamp is None else timestamp
        elapsed = time - self._time
        if not elapsed > 0:
            raise ValueError(f'timestamp {time} s follows {self._time} s, expected a later one')
        speed = (points - self._result) / (elapsed * scale)
        self._speed = self._speed + _weight(self.d_cutoff, elapsed) * (speed - self._speed)
        cutoff = self.min_cutoff + self.beta * np.abs(self._speed)
        self._result = self._result + _weight(cutoff, elapsed) * (points - self._result)
        self._time = time
        return self._result.copy()

    def _check(self, points: np.ndarray, scale: float | np.ndarray) -> None:
        if points.shape[-1:] != (2,):
            raise ValueError(f'points have shape {points.shape}, expected (..., 2)')
        if self._result is not None and points.shape != self._result.shape:
            raise ValueError(
                f'points have shape {points.shape}, expected {self._result.shape} as in the frame before; '
                'reset() lets another face begin'
            )
        finite = np.isfinite(points).all(axis=-1)
        if not finite.all():
            index = tuple(int(i) for i in np.argwhere(~finite)[0])
            raise ValueError(
                f'point {index[0] if len(index) == 1 else index} is {points[index].tolist()}, expected '
                'finite coordinates; reset() where a face is lost'
            )
        if not (np.isfinite(scale) & (np.asarray(scale) > 0)).all():
            raise ValueError(f'scale is {scale}, expected a positive size of the face in pixels')


def _weight(cutoff: float | np.ndarray, elapsed: float) -> float | np.ndarray:
    """Of the new value in a low-pass filter, from its cut-off frequency (Hz) and the time since the last one (s)."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * elapsed))
