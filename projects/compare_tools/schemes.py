"""Points that mean the same in the schemes of the tools.

The sides are those of the image, as everywhere in 300W: the eye that is left in an upright image comes first.
"""

import numpy as np

# A set of points: for each scheme that has them, the indices of which each point is the mean.
Sets = dict[str, dict[str, tuple[tuple[int, ...], ...]]]

# On MediaPipe's mesh: corners of the eyes and, in between, the two points of each lid; corners and midlines of the
# lips, outer and inner; tip and base of the nose. The mesh has the nose's tip twice, 1 and 4: on training faces of 300W
# landmark 30 lies at 4. The jaw and the brows of 300W are no vertices of the mesh.
_MESH = {
    36: 33,
    37: 160,
    38: 158,
    39: 133,
    40: 153,
    41: 144,
    42: 362,
    43: 385,
    44: 387,
    45: 263,
    46: 373,
    47: 380,
    30: 4,
    33: 2,
    48: 61,
    54: 291,
    60: 78,
    64: 308,
    51: 0,
    57: 17,
    62: 13,
    66: 14,
}
_FIVE = (tuple(range(36, 42)), tuple(range(42, 48)), (30,), (48,), (54,))  # eyes, nose, corners of the mouth
_ANATOMICAL = (36, 39, 42, 45, 30, 33, 48, 54, 60, 64, 51, 57, 62, 66)  # all of _MESH that is a corner or on a midline

POINT_SETS: Sets = {
    '5': {
        '300w68': _FIVE,
        'five': tuple((k,) for k in range(5)),
        'mesh478': tuple(tuple(_MESH[k] for k in means) for means in _FIVE),
    },
    '14': {'300w68': tuple((k,) for k in _ANATOMICAL), 'mesh478': tuple((_MESH[k],) for k in _ANATOMICAL)},
    '68': {'300w68': tuple((k,) for k in range(68))},
}
LARGEST = {'five': '5', 'mesh478': '14', '300w68': '68'}
"""The largest set that a scheme shares with 300W's 68 points."""


def shared(points: np.ndarray, scheme: str, name: str) -> np.ndarray:
    """Points (..., K, 2) of a scheme -> the set (..., S, 2) of this name."""
    return np.stack([points[..., list(means), :].mean(axis=-2) for means in POINT_SETS[name][scheme]], axis=-2)
