"""The command that measures the targets: its loop version encodes the same, and it runs."""

from pathlib import Path

import numpy as np

from mmfld.codecs import ImageAwareSmoothing

CONFIG = Path(__file__).parents[2] / 'configs/300w/structured_hg2_mini.py'


def test_loops_encode_what_the_codec_encodes(loops, face_of):
    codec, keypoints = ImageAwareSmoothing('300w68'), face_of('300w68')[None]
    ours, loop = codec.encode(keypoints), loops.loop_encode(keypoints, codec)
    assert ours.keys() == loop.keys()
    for key in ours.keys() - {'keypoint_samples'}:
        np.testing.assert_allclose(loop[key], ours[key], atol=2 / 255, err_msg=key)
    # samples are drawn anew: 0.2 cells of 64 around the same annotation
    np.testing.assert_allclose(loop['keypoint_samples'], ours['keypoint_samples'], atol=2 * 1.5 / 63)


def test_reports_every_part(loops, capsys):
    report = loops.main([str(CONFIG), '--num', '1', '--repeats', '1'])
    assert set(report) == {'edge maps', 'point maps', 'all targets', 'pipeline_ms'}
    assert min(report.values()) > 0
