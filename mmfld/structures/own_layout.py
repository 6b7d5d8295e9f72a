"""Annotation schemes of one's own: an entry of a config, or MMPose's meta information, made a :class:`FaceLayout`."""

from collections.abc import Mapping
from typing import Any

from .face_layout import Boundary, FaceLayout, get_layout, known_layouts

OPTIONAL = ('flip_pairs', 'boundaries', 'eye_corners', 'pupils', 'areas', 'five_points')
WHOLE = 'face'  # the area of all landmarks where none are told


def own_layout(fields: Mapping[str, Any]) -> FaceLayout:
    """A layout from plain values, as a config or a file holds them.

    >>> layout = own_layout(dict(name='own5', num_keypoints=5, flip_pairs=[[0, 1], [3, 4]], eye_corners=[0, 1]))
    >>> layout.flip_indices
    (1, 0, 2, 4, 3)

    Args:
        fields (Mapping): ``name`` and ``num_keypoints``, and at will those of :class:`FaceLayout`: ``flip_pairs``, else
            no landmark changes places when an image is mirrored; ``boundaries``, a list of dicts with ``name``,
            ``indices`` and perhaps ``closed``, else there are no attention maps and labels are not smoothed along them;
            ``eye_corners``, any two landmarks whose distance is to stand for the size of the face and whose line is
            level, else errors are measured by the box and faces not turned upright; ``pupils``; ``areas``, a dict of
            lists, else all is one; ``five_points``, else faces are not aligned. Or instead ``from_file``, a file with
            MMPose's ``dataset_info``, which tells name, number and flip pairs, and the others as above.

    Raises:
        ValueError: If a field is unknown, missing or of another kind, see also :class:`FaceLayout`.
    """
    fields = dict(fields)
    name = fields.get('name', fields.get('from_file'))
    if 'from_file' in fields:
        fields = {**_of_mmpose(fields.pop('from_file')), **fields}
    unknown = set(fields) - {'name', 'num_keypoints', *OPTIONAL}
    missing = {'name', 'num_keypoints'} - set(fields)
    if unknown or missing:
        found = f'the unknown field {sorted(unknown)[0]!r}' if unknown else f'no {sorted(missing)[0]}'
        raise ValueError(
            f'face layout {name!r}: found {found}, expected name, num_keypoints and perhaps '
            f'{", ".join(OPTIONAL)}, or from_file'
        )
    try:
        fields['flip_pairs'] = tuple(map(_tuple, fields.get('flip_pairs', ())))
        fields['boundaries'] = tuple(
            Boundary(**{**boundary, 'indices': _tuple(boundary['indices'])})
            for boundary in fields.get('boundaries', ())
        )
        fields['eye_corners'] = None if fields.get('eye_corners') is None else _tuple(fields['eye_corners'])
        for groups in ('pupils', 'five_points'):
            fields[groups] = None if fields.get(groups) is None else tuple(map(_tuple, fields[groups]))
        areas = fields.get('areas') or {WHOLE: range(fields['num_keypoints'])}
        fields['areas'] = {area: _tuple(indices) for area, indices in areas.items()}
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f'face layout {name!r}: found values of another form ({error}), expected flip_pairs [[0, 1], '
            "...], boundaries [dict(name='mouth', indices=[3, 4]), ...], eye_corners [0, 1], pupils [[2], "
            '[3]] and areas dict(eyes=[0, 1], ...)'
        ) from error
    if not isinstance(name := fields['name'], str) or not name:
        raise ValueError(f'face layout {name!r}: found name={name!r}, expected a word')
    layout = FaceLayout(**fields)
    if name in known_layouts() and layout != get_layout(name):
        raise ValueError(
            f'face layout {name!r}: found other fields than those of the layout that has this name: '
            'expected another name'
        )
    return layout


def fields_of(layout: FaceLayout) -> dict[str, Any]:
    """The plain values that :func:`own_layout` makes a layout of."""
    boundaries = [
        dict(name=boundary.name, indices=list(boundary.indices), closed=boundary.closed)
        for boundary in layout.boundaries
    ]
    return dict(
        name=layout.name,
        num_keypoints=layout.num_keypoints,
        flip_pairs=[list(pair) for pair in layout.flip_pairs],
        boundaries=boundaries,
        eye_corners=layout.eye_corners and list(layout.eye_corners),
        pupils=layout.pupils and [list(indices) for indices in layout.pupils],
        areas={area: list(indices) for area, indices in layout.areas.items()},
        five_points=layout.five_points and [list(indices) for indices in layout.five_points],
    )


def _of_mmpose(path: str) -> dict[str, Any]:
    """Name, number and flip pairs that a file of MMPose tells."""
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    meta = parse_pose_metainfo(dict(from_file=path))
    pairs: list[tuple[int, int]] = sorted({tuple(sorted(pair)) for pair in enumerate(meta['flip_indices'])})
    return dict(
        name=meta['dataset_name'],
        num_keypoints=meta['num_keypoints'],
        flip_pairs=[pair for pair in pairs if pair[0] != pair[1]],
    )


def _tuple(values: Any) -> tuple:
    if isinstance(values, str):
        raise TypeError(f'found {values!r}')
    return tuple(values)
