"""Files whose bytes are changed: what is read of them is sound, and what is not is told."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmfld.conversion.csv_files import read_csv
from mmfld.conversion.cvat_files import read_cvat
from mmfld.conversion.imglab_files import read_imglab
from mmfld.conversion.labelme_files import read_labelme
from mmfld.conversion.problems import Problem, Problems
from mmfld.conversion.pts_files import read_pts_faces

FILES = dict(
    imglab=(
        read_imglab,
        'a.xml',
        b"<dataset><images><image file='a.jpg' width='60' height='40'><box top='1' left='1' width='9' height='9'>"
        b"<part name='a' x='1' y='2'/><part name='b' x='3' y='4'/></box></image></images></dataset>",
    ),
    cvat=(
        read_cvat,
        'a.xml',
        b'<annotations><image name="a.jpg" width="60" height="40"><skeleton label="face"><points label="a" outside="0" '
        b'points="1,2"/><points label="b" points="3,4"/></skeleton><points points="1,2;3,4"/></image></annotations>',
    ),
    labelme=(
        read_labelme,
        'a.json',
        b'{"shapes": [{"label": "a", "points": [[1, 2]], "group_id": 1, "shape_type": "point"}], "imagePath": "a.jpg"}',
    ),
    wide=(read_csv, 'a.csv', b'file,x0,y0,x1,y1\na.jpg,1,2,3,4\n'),
    long=(read_csv, 'a.csv', b'file,name,x,y\na.jpg,a,1,2\na.jpg,b,3,4\n'),
    pts=(read_pts_faces, 'a.pts', b'version: 1\nn_points: 2\n{\n1 2\n3 4\n}\n'),
)
changes = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400), st.binary(max_size=6)), min_size=1, max_size=3)


@pytest.mark.parametrize('kind', FILES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=changes)
def test_a_damaged_file_is_read_soundly_or_told(folder, kind, changes):
    reader, name, content = FILES[kind]
    for start, length, new in changes:
        start %= len(content) + 1
        content = content[:start] + new + content[start + length % 8 :]
    (folder / name).write_bytes(content)
    try:
        faces = list(reader(folder / name, folder, Problems(strict=False)))
    except Problem as problem:
        assert str(folder / name) in str(problem)
        return
    for face in faces:
        assert len(face.points) and np.isfinite(face.points).all() and face.image
        assert face.names is None or len(set(face.names)) == len(face.names) == len(face.points)
        assert len(face.point_lines) == len(face.points) == len(face.coco_visibility)
