"""The study of trackers: filters per video, its measures, and what it asks for."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mmfld.engine.launch import load_config
from mmfld.engine.rows import read_config
from mmfld.launch_arguments import argument_parser

COMPARE = Path(__file__).parents[2] / 'projects' / 'video_tracking' / 'compare.py'


@pytest.fixture(scope='module')
def study():
    spec = importlib.util.spec_from_file_location('video_tracking', COMPARE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sample(video: str, frame: int, shift: float = 0.0) -> dict:
    """A face whose outer eye corners are 100 pixels apart, predicted ``shift`` pixels to the right."""
    gt = np.tile(np.linspace(0, 50, 68)[:, None], (1, 2))
    gt[36], gt[45] = (0, 0), (100, 0)
    return dict(
        id=hash((video, frame)),
        img_path=f'{video}/{frame}',
        video=video,
        frame=frame,
        gt_instances=dict(keypoints=gt[None], keypoints_visible=np.ones((1, 68))),
        pred_instances=dict(keypoints=gt[None] + [shift, 0]),
        raw_ann_info=dict(attributes=dict(burst=int(frame == 0))),
    )


def test_filters_begin_anew_with_each_video(study):
    samples = [sample('a', 0), sample('a', 1, 4.0), sample('b', 0, 4.0)]
    offsets = [
        one['pred_instances']['keypoints'][0, 0, 0] - one['gt_instances']['keypoints'][0, 0, 0]
        for one in study.smoothed(samples, beta=1.0)
    ]
    assert offsets[0] == 0 and 0 < offsets[1] < 2 and offsets[2] == 4


def test_row_has_error_flicker_and_jitter_in_percent(study):
    # 2 pixels to and fro: an error of 1 pixel on average, second differences of 4 pixels
    samples = [sample('a', frame, 2.0 * (frame % 2)) for frame in range(6)]
    row = study.row('to and fro', samples, samples)
    assert row['NME'] == pytest.approx(1.0)
    assert row['NME/burst'] == pytest.approx(0.0)
    assert row['flicker'] == pytest.approx(4.0)
    assert row['jitter'] == pytest.approx(100 * np.std([0, 0.02] * 3, ddof=1) / 2**0.5, abs=1e-3)


def test_missing_training_is_named(study, tmp_path):
    with pytest.raises(FileNotFoundError, match='tools/train.py configs/synthetic/attentive1d_mini.py makes one'):
        study.checkpoint_of(study.DETECTOR, tmp_path)


def test_models_are_looked_for_where_training_puts_them(study):
    parser = argument_parser('')
    for name in (study.DETECTOR, *study.TRACKERS.values()):
        cfg = load_config(parser, parser.parse_args([name]))
        assert study.run_folder(name, Path('work_dirs')) == Path(cfg.work_dir)


def test_trackers_differ_in_what_they_remember_and_start_from_the_detector(study):
    trackers = [read_config(name) for name in study.TRACKERS.values()]
    assert [cfg.model.refinement.decay for cfg in trackers] == [0.0, 0.3, 0.8]
    assert {cfg.starts_from for cfg in trackers} == {study.DETECTOR}


def test_variants_differ_from_the_trackers_in_what_their_names_say(study):
    changed = dict(
        small={'model.refinement.reach': 0.0, 'model.min_score': 0.0},
        moved={'model.move_state': True},
        **{'all-frames': {'model.min_score': 0.0}},
    )
    for name in study.VARIANTS:
        variant, decay = name.split('-decay-')
        expected = read_config(f'{study.ROWS}:decay-{decay}', changed[variant])
        assert read_config(f'{study.ROWS}:{name}').model == expected.model


def test_within_bins_reaches_the_decoder(study):
    for name in (study.DETECTOR, *study.TRACKERS.values()):
        assert read_config(name).model.head.decoder.get('decoder', 'argmax') == 'argmax'
        assert read_config(name, study.WITHIN_BINS).model.head.decoder.decoder == 'local_soft_argmax'
