"""On which faces a model errs: groups and the table."""

import csv
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

TOOLS = Path(__file__).resolve().parents[3] / 'tools'


@pytest.fixture(scope='module')
def tool():
    return SimpleNamespace(**runpy.run_path(str(TOOLS / 'analysis_tools/measure_groups.py')))


def told(**values):
    names = dict(yaw=0, pitch=0, roll=0, mouth_opening=0, right_eye_opening=0.3, left_eye_opening=0.3, side=120)
    return {**names, **values}


def test_groups_are_by_the_size_of_an_angle_and_the_more_closed_eye(tool):
    rows = tool.table([told(yaw=-35), told(yaw=35, left_eye_opening=0.1), told(yaw=5)], np.array([4.0, 10.0, 1.0]))
    assert rows[0][0] == 'all' and rows[0][3:] == [3, 5.0, pytest.approx(100 / 3)]
    by_yaw = {tuple(row[1:3]): row[3:] for row in rows if row[0] == 'yaw'}
    assert by_yaw == {(0, 10): [1, 1.0, 0.0], (30, 45): [2, 7.0, 50.0]}
    by_eye = {tuple(row[1:3]): row[3] for row in rows if row[0] == 'eye opening'}
    assert by_eye == {(0, 0.15): 1, (0.3, np.inf): 2}


def test_each_face_is_in_one_group_of_each_kind(tool, synthetic_faces, tmp_path):
    annotations = synthetic_faces / 'annotations/synthetic_300w68_test.json'
    out = tmp_path / 'groups.csv'
    tool.main([str(annotations), str(synthetic_faces / 'images'), '--threads', '1', '--csv', str(out)])
    with open(out) as file:
        rows = list(csv.DictReader(file))
    count = int(rows[0]['faces'])
    for kind in tool.GROUPS:
        assert sum(int(row['faces']) for row in rows if row['of'] == kind) == count
    assert 1 < float(rows[0]['NME']) < 10
