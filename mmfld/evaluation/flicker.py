"""How much tracked landmarks flicker, as plain NumPy functions: second differences in time, and jitter on a still face.

A track holds the K landmarks of one face in T frames of one video, (T, K, 2). Its rows are frames that follow one
another, unless ``frames`` tells their places in the video: where a place is left out there is a gap. A landmark that is
missing in a frame is NaN there. No measure spans a gap or a missing landmark.

The second difference p[t+1] - 2 p[t] + p[t-1] is zero for a landmark at rest or in uniform motion, and 4a for one that
jumps to and fro by +-a. Independent noise of standard deviation s in x and in y has a mean norm of
sqrt(6) * sqrt(pi / 2) * s = 3.07 s. A face that accelerates has second differences of its own; with the true track
given, those of the error pred - gt are measured instead, in which the true ones cancel.
"""

import numpy as np


def second_differences(tracks: np.ndarray, frames: np.ndarray | None = None) -> np.ndarray:
    """||p[t+1] - 2 p[t] + p[t-1]|| of every landmark and frame.

    >>> to_and_fro = np.array([[[1.0, 0.0]], [[-1.0, 0.0]], [[1.0, 0.0]]])
    >>> second_differences(to_and_fro).ravel().tolist()
    [nan, 4.0, nan]

    Args:
        tracks (np.ndarray): (T, K, 2) landmarks; NaN where one is missing.
        frames (np.ndarray, optional): (T, ) int, increasing, the places of the frames in the video. Defaults to
            0, 1, ..., T - 1.

    Returns:
        np.ndarray: (T, K) float64, in the unit of the tracks. NaN where the landmark is not in the frame and both of
        its neighbours, so always in the first and the last frame.

    Raises:
        ValueError: If the shapes are others, or the frames do not increase. So in all functions below.
    """
    tracks, follows = _checked(tracks, frames)
    norms = np.full(tracks.shape[:2], np.nan)
    if len(tracks) > 2:
        norms[1:-1] = np.linalg.norm(tracks[2:] - 2 * tracks[1:-1] + tracks[:-2], axis=-1)
        norms[1:-1][~(follows[1:-1] & follows[2:])] = np.nan
    return norms


def flicker_per_frame(
    pred: np.ndarray,
    gt: np.ndarray | None = None,
    frames: np.ndarray | None = None,
    normalizer: np.ndarray | None = None,
) -> np.ndarray:
    """Mean over the landmarks of the norm of their second differences.

    Args:
        pred (np.ndarray): (T, K, 2) predicted landmarks, pixels; NaN where one is missing.
        gt (np.ndarray, optional): (T, K, 2) true landmarks, pixels. If given, the error pred - gt is measured.
        frames (np.ndarray, optional): (T, ) int, see :func:`second_differences`.
        normalizer (np.ndarray, optional): A number for the video or (T, ) numbers for its frames to divide by, pixels,
            e.g. the inter-ocular distance.

    Returns:
        np.ndarray: (T, ) float64, pixels, or a fraction of the normalizer. NaN where no landmark is in the frame and
        both of its neighbours.
    """
    norms = second_differences(pred if gt is None else np.subtract(pred, gt, dtype=np.float64), frames)
    measured = ~np.isnan(norms)
    count = measured.sum(axis=1)
    means = np.divide(np.where(measured, norms, 0).sum(axis=1), count, out=np.full(len(norms), np.nan), where=count > 0)
    return means if normalizer is None else means / normalizer


def flicker(
    pred: np.ndarray,
    gt: np.ndarray | None = None,
    frames: np.ndarray | None = None,
    normalizer: np.ndarray | None = None,
) -> float:
    """Mean of :func:`flicker_per_frame` over the frames in which it is defined; NaN if there are none.

    >>> uniform = np.arange(5.0)[:, None, None] * (2.0, 1.0)  # steady motion does not flicker
    >>> flicker(uniform)
    0.0
    """
    values = flicker_per_frame(pred, gt, frames, normalizer)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else np.nan


def jitter(tracks: np.ndarray, frames: np.ndarray | None = None, normalizer: float | None = None) -> float:
    """Standard deviation over time of the landmarks of a face that keeps still.

    >>> round(jitter(np.array([[[0.0, 0.0]], [[2.0, 2.0]], [[1.0, 1.0]]])), 3)
    1.0

    Of each landmark the rms over x and y of the sample standard deviation, then the mean over landmarks. A landmark
    that is missing for a while, or a gap, separates segments: deviations are from the mean of the segment, pooled over
    all segments, so that a face which moved in between may be still again at another place. Slow drift within a segment
    counts as well: use it on faces that really are still.

    Args:
        tracks (np.ndarray): (T, K, 2) landmarks, pixels; NaN where one is missing.
        frames (np.ndarray, optional): (T, ) int, see :func:`second_differences`.
        normalizer (float, optional): To divide by, pixels.

    Returns:
        float: Pixels, or a fraction of the normalizer; NaN if no landmark is in two consecutive frames.
    """
    tracks, follows = _checked(tracks, frames)
    present = np.isfinite(tracks).all(axis=-1)
    goes_on = present & follows[:, None]
    goes_on[1:] &= present[:-1]
    # number of the segment to which each present landmark belongs, unique among all landmarks
    segment = np.cumsum((present & ~goes_on).T).reshape(present.T.shape).T[present] - 1
    points = tracks[present]
    landmark = np.nonzero(present)[1]

    sizes = np.bincount(segment)
    means = np.stack([np.bincount(segment, points[:, axis]) / sizes for axis in (0, 1)], axis=-1)
    squares = ((points - means[segment]) ** 2).mean(axis=-1)
    num_landmarks = tracks.shape[1]
    freedom = np.bincount(landmark[goes_on[present]], minlength=num_landmarks)  # frames less segments
    measured = freedom > 0
    if not measured.any():
        return np.nan
    deviations = np.sqrt(np.bincount(landmark, squares, num_landmarks)[measured] / freedom[measured])
    return float(deviations.mean() / (1 if normalizer is None else normalizer))


def _checked(tracks: np.ndarray, frames: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """(T, K, 2) float64 with NaN in both coordinates of a missing landmark, and (T, ) bool: follows the row before."""
    tracks = np.asarray(tracks, np.float64)
    if tracks.ndim != 3 or tracks.shape[-1] != 2:
        raise ValueError(f'tracks have shape {tracks.shape}, expected (T, K, 2)')
    frames = np.arange(len(tracks)) if frames is None else np.asarray(frames)
    if frames.shape != tracks.shape[:1]:
        raise ValueError(f'frames have shape {frames.shape}, expected ({len(tracks)}, ) as there are tracks')
    steps = np.diff(frames)
    if (steps <= 0).any():
        row = int((steps <= 0).argmax())
        raise ValueError(f'frame {frames[row]} is followed by frame {frames[row + 1]}, expected increasing frames')
    return tracks, np.concatenate([[False], steps == 1])[: len(tracks)]
