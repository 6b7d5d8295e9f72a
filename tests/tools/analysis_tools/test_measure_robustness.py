"""How a model bears harder pictures: the table, and what its numbers are."""

import csv
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mmfld.robustness import VARIANTS

FOLDER = Path(__file__).resolve().parents[3] / 'tools/analysis_tools'


@pytest.fixture(scope='module')
def tool():
    return SimpleNamespace(**runpy.run_path(str(FOLDER / 'measure_robustness.py')))


@pytest.fixture(scope='module')
def rows(tool, synthetic_faces, tmp_path_factory):
    out = tmp_path_factory.mktemp('out') / 'table.csv'
    tool.main(
        [
            str(synthetic_faces / 'annotations/synthetic_300w68_test.json'),
            str(synthetic_faces / 'images'),
            '--csv',
            str(out),
            '--variants',
            'covered',
            'small_24',
            'jittered',
            '--threads',
            '1',
        ]
    )
    with open(out) as file:
        return {
            line['variant']: {name: float(value) for name, value in line.items() if name != 'variant'}
            for line in csv.DictReader(file)
        }


def test_ratios_are_those_to_the_faces_as_they_are(rows):
    assert list(rows) == ['common', 'covered', 'small_24', 'jittered']
    for line in rows.values():
        assert line['ratio'] == pytest.approx(line['NME'] / rows['common']['NME'], rel=1e-3)
    assert rows['common']['NME'] < 10 and rows['covered']['ratio'] > 1.1


def test_scores_tell_covered_landmarks(rows):
    assert 30 < rows['covered']['hidden'] < 70 and rows['covered']['AUROC'] > 0.6
    assert {line['found'] for line in rows.values()} == {100}
    assert rows['small_24']['hidden'] == 0 and np.isnan(rows['small_24']['AUROC'])


def test_an_unknown_variant_names_those_there_are(tool, capsys):
    with pytest.raises(SystemExit):
        tool.main(['a.json', 'images', '--variants', 'upside_down'])
    said = capsys.readouterr().err
    assert all(name in said for name in VARIANTS)


class Answers:
    """In place of a landmarker: what a detector and the landmarks of each picture are."""

    batch_size = 8

    def __init__(self, *answers):
        self.answers = answers

    def batch(self, images, boxes=None, refine=None):
        assert boxes is None and len(images) == len(self.answers)
        return list(self.answers)


def test_of_detected_faces_the_one_in_the_annotated_box_counts(tool):
    landmarks = np.random.default_rng(0).uniform(40, 90, (68, 2))
    faces = [(np.zeros((128, 128, 3), np.uint8), landmarks)] * 3
    box = np.array([*landmarks.min(0), *landmarks.max(0)])
    face, other, beside = (SimpleNamespace(box=one) for one in (box + 2, box - 15, box + 60))
    varied, found = tool.find(Answers([beside, other, face], [], [beside]), 'common', faces, is_detected=True)
    assert found == [face] and len(varied) == 1
    with pytest.raises(ValueError, match='common: none of 1 faces was found'):
        tool.find(Answers([beside]), 'common', faces[:1], is_detected=True)


def test_boxes_of_a_detector_are_not_moved(tool, capsys):
    with pytest.raises(SystemExit):
        tool.main(['a.json', 'images', '--detected', '--variants', 'jittered'])
    assert '--variants jittered moves boxes that are given' in capsys.readouterr().err
