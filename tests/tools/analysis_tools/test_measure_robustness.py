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
    assert rows['small_24']['hidden'] == 0 and np.isnan(rows['small_24']['AUROC'])


def test_an_unknown_variant_names_those_there_are(tool, capsys):
    with pytest.raises(SystemExit):
        tool.main(['a.json', 'images', '--variants', 'upside_down'])
    said = capsys.readouterr().err
    assert all(name in said for name in VARIANTS)
