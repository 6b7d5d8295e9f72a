"""From weights to calibrated weights, to an exported model, to what it says of its errors."""

import csv
import importlib
import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import onnx
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS

from mmfld.apis.onnx_export import export_onnx
from mmfld.engine.hooks.plain_checkpoint_hook import to_plain
from mmfld.engine.rows import read_config
from mmfld.structures import get_layout
from mmfld.uncertainty.calibration import LandmarkCalibration

FOLDER = Path(__file__).resolve().parents[3] / 'tools/analysis_tools'


@pytest.fixture(scope='module')
def tools():
    return {
        name: SimpleNamespace(**runpy.run_path(str(FOLDER / f'{name}.py')))
        for name in ('calibrate', 'measure_uncertainty')
    }


@pytest.fixture(scope='module')
def weights(tiny_config, tmp_path_factory):
    init_default_scope('mmpose')
    torch.manual_seed(0)
    meta = dict(dataset_meta=parse_pose_metainfo(get_layout('300w68').metainfo))
    path = tmp_path_factory.mktemp('weights') / 'tiny.pth'
    model = MODELS.build(read_config(tiny_config).model)
    torch.save(dict(state_dict=model.state_dict(), meta=to_plain(meta, 'meta')), path)
    return path


@pytest.fixture(scope='module')
def calibrated(tools, tiny_config, weights):
    path = weights.with_name('calibrated.pth')
    assert tools['calibrate'].main([str(tiny_config), str(weights), str(path)]) == 0
    return path


def test_the_file_has_the_weights_and_a_calibration(weights, calibrated):
    before, after = (torch.load(path, weights_only=True) for path in (weights, calibrated))
    assert set(after) - set(before) == {'calibration', 'measured'}
    for name, value in before['state_dict'].items():
        torch.testing.assert_close(after['state_dict'][name], value)
    assert LandmarkCalibration(**after['calibration']).num_keypoints == 68


@pytest.mark.parametrize('turned, sure', [(0.2, 0.35), (0.6, None)])
def test_the_score_that_tells_upright_faces(monkeypatch, turned, sure):
    tool, seen = importlib.import_module('calibrate'), []

    def look(module, crops):
        seen.extend(crop['img'] for crop in crops)
        return SimpleNamespace(scores=torch.full((len(crops), 68), turned))

    monkeypatch.setattr(tool, 'look', look)
    crops = [dict(img=np.arange(12, dtype=np.uint8).reshape(2, 2, 3))]
    found = tool.upright_score(None, crops, SimpleNamespace(scores=torch.full((1, 68), 0.5)))
    assert found == (None if sure is None else pytest.approx(sure))
    for quarters, image in enumerate(seen, 1):
        np.testing.assert_array_equal(np.rot90(image, -quarters), crops[0]['img'])
    assert len(seen) == 3


def test_the_table_is_of_faces_that_were_not_fitted(tools, tiny_config, weights, capsys):
    tools['calibrate'].main([str(tiny_config), str(weights), str(weights.with_name('again.pth'))])
    lines = capsys.readouterr().out.splitlines()
    assert any('4 faces, 16 views' in line for line in lines)
    table = {line.split('|')[1].strip(): line.split('|')[2:-1] for line in lines if line.startswith('| ')}
    assert {
        'as they are',
        'small',
        'roughly framed',
        'covered',
        'covered, roughly framed',
        'all but as they are',
    } <= set(table)
    assert table['as they are'][-1].strip() == '-'  # nothing is covered there
    assert 0 <= float(table['covered'][-1]) <= 1 and all(0 <= float(value) <= 100 for value in table['small'][:4])


def test_a_file_that_is_there_is_kept(tools, tiny_config, weights, calibrated, capsys):
    before = calibrated.read_bytes()
    with pytest.raises(SystemExit):
        tools['calibrate'].main([str(tiny_config), str(weights), str(calibrated)])
    assert 'calibrated.pth exists already; --overwrite replaces it' in capsys.readouterr().err
    assert calibrated.read_bytes() == before


def test_a_face_that_lacks_landmarks_is_named(tools, tiny_config, weights, synthetic_faces, tmp_path):
    content = json.loads((synthetic_faces / 'annotations/synthetic_300w68_test.json').read_text())
    content['annotations'][1]['keypoints'][2] = 0
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations/synthetic_300w68_test.json').write_text(json.dumps(content))
    (tmp_path / 'images').symlink_to(synthetic_faces / 'images')
    with pytest.raises(ValueError, match='landmarks of 1 face are not annotated'):
        tools['calibrate'].main(
            [
                str(tiny_config),
                str(weights),
                str(tmp_path / 'x.pth'),
                '--cfg-options',
                f'val_dataloader.dataset.data_root={tmp_path}',
            ]
        )


def test_what_an_exported_model_says_is_measured(tools, tiny_config, calibrated, synthetic_faces, tmp_path, capsys):
    export_onnx(read_config(tiny_config), calibrated, tmp_path / 'model.onnx')
    data = [str(synthetic_faces / 'annotations/synthetic_300w68_test.json'), str(synthetic_faces / 'images')]
    tools['measure_uncertainty'].main(
        [
            *data,
            '--model',
            str(tmp_path / 'model.onnx'),
            '--variants',
            'covered',
            'dark',
            '--threads',
            '1',
            '--csv',
            str(tmp_path / 'table.csv'),
            '--picture',
            str(tmp_path / 'picture.png'),
        ]
    )
    with open(tmp_path / 'table.csv') as file:
        rows = {
            line.pop('variant'): {name: float(value) for name, value in line.items()} for line in csv.DictReader(file)
        }
    assert list(rows) == ['common', 'covered', 'dark', 'all variants']
    for row in rows.values():
        assert 0 <= row['50%'] <= row['68%'] <= row['90%'] <= row['95%'] <= 100 and row['sharpness'] > 0
    assert np.isnan(rows['dark']['hidden']) and 0 <= rows['covered']['hidden'] <= 1
    assert np.isnan(rows['dark']['seen']) and 0 <= rows['covered']['seen'] <= 100
    assert cv2.imread(str(tmp_path / 'picture.png')).std() > 5
    capsys.readouterr()
    model = onnx.load(str(tmp_path / 'model.onnx'))
    model.metadata_props.remove(next(one for one in model.metadata_props if one.key == 'mmfld.degrees_of_freedom'))
    onnx.save(model, str(tmp_path / 'plain.onnx'))
    with pytest.raises(SystemExit):
        tools['measure_uncertainty'].main([*data, '--threads', '1', '--model', str(tmp_path / 'plain.onnx')])
    assert 'plain.onnx: this model is not calibrated' in capsys.readouterr().err
