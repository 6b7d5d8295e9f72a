"""The command that measures tracking runs, and counts the faces of every copy."""

import importlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.runner import save_checkpoint

from mmfld.apis import FaceLandmarkInferencer

ROOT = Path(__file__).parents[3]


@pytest.fixture
def command():
    return importlib.import_module('benchmark_tracking')


def test_rows_for_each_number_of_copies_and_method(command, tmp_path, capsys):
    config = tmp_path / 'tiny.py'
    config.write_text(
        f'_base_ = {str(ROOT / "configs/300w/structured_hg2_mini.py")!r}\n'
        'model = dict(backbone=dict(width=16, num_stacks=1, num_levels=1))\n'
    )
    model = FaceLandmarkInferencer(str(config), device='cpu', detector='whole_image').model
    save_checkpoint(dict(state_dict=model.state_dict(), meta={}), str(tmp_path / 'tiny.pth'))
    writer = cv2.VideoWriter(str(tmp_path / 'clip.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 10, (64, 64))
    for _ in range(6):
        writer.write(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    writer.release()

    rows = command.main(
        [str(tmp_path / name) for name in ('clip.mp4', 'tiny.py', 'tiny.pth')]
        + ['--device', 'cpu', '--det-model', 'whole_image', '--frames', '4', '--copies', '1', '2']
    )
    assert [(row['copies'], row['method']) for row in rows] == [
        (1, 'tracker'),
        (1, 'every frame'),
        (2, 'tracker'),
        (2, 'every frame'),
    ]
    assert rows[1]['faces'] == 1
    assert 'cpu, ' in capsys.readouterr().out
