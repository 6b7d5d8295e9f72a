"""The table of made-up prediction files, whose flicker is known."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from mmfld.runtime.frame import Frame
from mmfld.runtime.media import ResultWriter
from mmfld.structures import get_layout

TOOL = Path(__file__).parents[3] / 'tools' / 'analysis_tools' / 'measure_flicker.py'
MODULE = runpy.run_path(str(TOOL))


def face(x=0.0, y=0.0, eyes=50.0):
    """(68, 2) landmarks with the outer eye corners this far apart."""
    points = np.full((68, 2), 20.0)
    points[list(get_layout('300w68').eye_corners)] = [[0, 0], [eyes, 0]]
    points[8] = 25, 80
    return points + [x, y]


def write(path, frames, first=0):
    """Save a list of lists of faces as the inferencer does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    video = [
        dict(
            frame_id=first + t,
            instances=[
                dict(
                    keypoints=points.tolist(),
                    keypoint_scores=[1.0] * len(points),
                    bbox=[[0.0, 0.0, 1.0, 1.0]],
                    bbox_score=1.0,
                )
                for points in faces
            ],
        )
        for t, faces in enumerate(frames)
    ]
    path.write_text(json.dumps(video))
    return path


def shaking(amplitude, length=6, **kwargs):
    return [[face(amplitude * (-1) ** t, **kwargs)] for t in range(length)]


def run(*arguments):
    MODULE['main']([str(argument) for argument in arguments])


def table(capsys):
    """Rows as dicts; the labels of these tests have no spaces but for the filter's."""
    header, *rows = [
        line.replace('no face', 'no_face').replace(' %', '_%').replace(' + ', '+').split()
        for line in capsys.readouterr().out.splitlines()
        if not line.startswith('wrote')
    ]
    names = [name if name not in header[:i] else f'{header[i - 1]}_ratio' for i, name in enumerate(header)]
    return [dict(zip(names, row)) for row in rows]


# --- table -----------------------------------------------------------------------------------------------------------


def test_flicker_and_ratio_to_the_first_run(tmp_path, capsys):
    # second differences of 4 and 1 px at 50 px between the eyes
    runs = [write(tmp_path / 'a' / 'clip.json', shaking(1)), write(tmp_path / 'b' / 'clip.json', shaking(0.25))]
    run(*runs, '--legend', 'one', 'two')
    assert table(capsys) == [
        {'run': 'one', 'videos': '1', 'frames': '6', 'no_face': '0', 'flicker_%': '8.000', 'ratio': '1.00'},
        {'run': 'two', 'videos': '1', 'frames': '6', 'no_face': '0', 'flicker_%': '2.000', 'ratio': '0.25'},
    ]


def test_jitter_of_a_still_face(tmp_path, capsys):
    # +-1 px in x in 6 frames: variance 6/5, half of it as rms over x and y
    run(write(tmp_path / 'clip.json', shaking(1)), '--legend', 'one', '--still')
    (row,) = table(capsys)
    assert float(row['jitter_%']) == pytest.approx(100 * np.sqrt(6 / 5 / 2) / 50, abs=1e-3)
    assert row['jitter_%_ratio'] == '1.00'


def test_frames_of_a_folder_weigh_the_same(tmp_path, capsys):
    # 4 frames with 4 of 50 px, 8 with 8 of 200 px
    write(tmp_path / 'a.json', shaking(1))
    write(tmp_path / 'b.json', shaking(2, length=10, eyes=200.0))
    run(tmp_path, '--legend', 'one')
    (row,) = table(capsys)
    assert (row['videos'], row['frames']) == ('2', '16')
    assert float(row['flicker_%']) == pytest.approx((4 * 8 + 8 * 4) / 12, abs=1e-3)


def test_frames_without_a_face_are_told_and_not_spanned(tmp_path, capsys):
    frames = [[face()], [face()], [face()], [], [face(30)], [face(30)], [face(30)]]
    run(write(tmp_path / 'clip.json', frames), '--legend', 'one')
    (row,) = table(capsys)
    assert (row['frames'], row['no_face'], row['flicker_%'], row['ratio']) == ('7', '1', '0.000', '-')


def test_some_frames(tmp_path, capsys):
    path = write(tmp_path / 'clip.json', shaking(1) + [[face()]] * 5, first=100)
    run(path, '--legend', 'one', '--frames', 106, 110)
    (row,) = table(capsys)
    assert (row['frames'], row['flicker_%']) == ('5', '0.000')


def test_one_euro_of_each_run(tmp_path, capsys):
    runs = [write(tmp_path / name / 'clip.json', shaking(amplitude, 200)) for name, amplitude in (('a', 1), ('b', 0.1))]
    run(*runs, '--legend', 'a', 'b', '--one-euro')
    rows = table(capsys)
    assert [row['run'] for row in rows] == ['a', 'a+One-Euro', 'b', 'b+One-Euro']
    assert 0 < float(rows[1]['ratio']) < 0.6
    assert float(rows[3]['flicker_%']) < 0.3 * float(rows[2]['flicker_%'])


def test_filter_begins_anew_after_a_gap():
    frames = np.array([0, 1, 5, 6])
    points = np.stack([face(), face(), face(90), face(90)])
    track = MODULE['Track'](points, frames, np.full(4, 50.0), 7)
    smooth = MODULE['smooth'](track, MODULE['OneEuroFilter']())
    np.testing.assert_allclose(smooth.points, points)


# --- faces -----------------------------------------------------------------------------------------------------------


def test_face_continues_the_track(tmp_path, capsys):
    # the largest face first; then it is the second one of a frame, and smaller than the other
    other = [face(300, 300, eyes=e) for e in (20.0, 20, 90, 90)]
    frames = [[other[0], face()], [face(1), other[1]], [other[2], face(2)], [face(3), other[3]]]
    path = write(tmp_path / 'clip.json', frames)
    track = MODULE['read_track'](path, get_layout('300w68'))
    np.testing.assert_allclose(track.points[:, 0, 0], [20, 21, 22, 23])
    run(path, '--legend', 'one')
    assert table(capsys)[0]['flicker_%'] == '0.000'


def test_reads_what_the_inferencer_writes(tmp_path, capsys):
    class Source:
        is_video, name, path = True, 'clip', 'clip.mp4'

    writer = ResultWriter(Source, pred_out_dir=str(tmp_path))
    for index, (points,) in enumerate(shaking(1)):
        frame = Frame(None, 'clip.mp4', index, index / 25)
        writer.write_instances(frame, [dict(keypoints=points, keypoint_scores=np.ones(68))])
    writer.close()
    run(tmp_path / 'clip.json', '--legend', 'one')
    assert table(capsys)[0]['flicker_%'] == '8.000'


# --- plot ------------------------------------------------------------------------------------------------------------


def test_plot_draws_a_line_for_each_run(tmp_path, capsys):
    path = write(tmp_path / 'clip.json', shaking(1) + [[]] + shaking(1, 2))
    picture = tmp_path / 'flicker.png'
    run(path, '--one-euro', '--plot', picture)
    assert picture.read_bytes()[:4] == b'\x89PNG'
    assert f'wrote {picture}' in capsys.readouterr().out
    runs = dict(one=MODULE['read_run'](path, get_layout('300w68')))
    (line,) = MODULE['plot'](runs, 36).axes[0].lines
    np.testing.assert_allclose(line.get_xydata(), np.stack([np.arange(9), [1, -1, 1, -1, 1, -1, np.nan, 1, -1]], 1))


def test_plot_needs_one_video(tmp_path):
    for name in 'ab':
        write(tmp_path / f'{name}.json', shaking(1))
    with pytest.raises(ValueError, match='--plot draws one video, found 2'):
        run(tmp_path, '--plot', tmp_path / 'x.png')


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'text, message',
    [
        ('[\n{"frame_id": 0, "instances": []}', 'clip.json: not json .*expected the complete predictions on a video'),
        ('[{"keypoints": []}]', 'clip.json: expected the predictions on a video, a list of frames'),
        ('[{"frame_id": 0, "instances": []}]', 'clip.json: found no face in 1 frame'),
        (
            '[{"frame_id": 4, "instances": [{"keypoints": [[1, 2]]}]}]',
            r"clip.json: frame 4: found keypoints of shape \(1, 2\), expected \(68, 2\) for layout '300w68'",
        ),
    ],
)
def test_unusable_files(tmp_path, text, message):
    (tmp_path / 'clip.json').write_text(text)
    with pytest.raises(ValueError, match=message):
        run(tmp_path / 'clip.json')


def test_missing_files(tmp_path):
    for path in (tmp_path, tmp_path / 'clip.json'):
        with pytest.raises(FileNotFoundError, match='found no json file'):
            run(path)


def test_runs_on_other_videos_are_not_compared(tmp_path):
    for name in ('one/a', 'one/b', 'two/a', 'two/c'):
        write(tmp_path / f'{name}.json', shaking(1))
    with pytest.raises(ValueError, match=r"two: found the videos \['a', 'c'\], expected \['a', 'b'\] as in one"):
        run(tmp_path / 'one', tmp_path / 'two', '--legend', 'one', 'two')


def test_landmark_outside_the_layout(tmp_path):
    path = write(tmp_path / 'clip.json', shaking(1))
    with pytest.raises(ValueError, match='--landmark 68: 300w68 has the landmarks 0 to 67'):
        run(path, '--plot', tmp_path / 'x.png', '--landmark', 68)
