"""The check of data sets: each thing that can be wrong, and that what it knows are the official lists."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from mmfld.doctor import official

REPOSITORY = Path(__file__).resolve().parents[2]
WFLW_TEST = 'wflw/annotations/face_landmarks_wflw_test.json'
FILE = 'tiny/annotations/tiny.json'
YML = f"""
tiny:
  page: https://tiny.org
  converter: convert_tiny.py SRC --out OUT
  layout: aflw19
  files:
    {FILE}: {{faces: 4, first: [10.00, 20.00], last: [13.00, 20.00]}}
"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """An ``official.yml`` that knows one file of four faces, whose first landmarks are at x 10 to 13, y 20."""
    monkeypatch.setattr(official, 'DATA_FILE', tmp_path / 'official.yml')
    official.DATA_FILE.write_text(YML)
    return tmp_path


def write_set(root: Path, points, num_keypoints: int = 19, file: str = FILE, images: bool = True, **fields) -> dict:
    """A json with a face for each of ``points``, the (x, y) of its first landmark, and its images; the content."""
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [f'{index}.jpg' for index in range(len(points))]
    if images:
        (path.parents[1] / 'images').mkdir(exist_ok=True)
        for name in names:
            (path.parents[1] / 'images' / name).write_bytes(b'.')
    content = dict(
        images=[dict(id=index, file_name=name) for index, name in enumerate(names)],
        annotations=[
            dict(
                id=index,
                image_id=index,
                **fields,
                keypoints=[*map(float, point), 1] + [5.0, 5.0, 1] * (num_keypoints - 1),
            )
            for index, point in enumerate(points)
        ],
    )
    path.write_text(json.dumps(content))
    return content


def first_points(shift: float = 0.0, number: int = 4) -> list:
    return [(10 + index + shift, 20 + shift) for index in range(number)]


def only(findings: list):
    assert len(findings) == 1, [str(finding) for finding in findings]
    return findings[0]


# ---- clean ---------------------------------------------------------------------------------------------------------


def test_official_data_gives_nothing(tiny):
    # written with other decimals and in another order
    write_set(tiny, first_points(0.004)[::-1])
    assert official.check([FILE, Path(FILE), f'./{FILE}'], tiny) == []


def test_frames_of_a_video_share_its_file(tiny):
    content = write_set(tiny, first_points(), images=False)
    for image in content['images']:
        image.update(file_name='vid.avi')
    (tiny / FILE).write_text(json.dumps(content))
    assert 'no image vid.avi, 1 of 1' in only(official.check([FILE], tiny)).found
    (tiny / 'tiny/images').mkdir()
    (tiny / 'tiny/images/vid.avi').write_bytes(b'.')
    assert official.check([FILE], tiny) == []


# ---- findings ------------------------------------------------------------------------------------------------------


def test_missing_file_tells_how_to_get_it(tiny):
    finding = only(official.check([FILE, FILE], tiny))
    assert finding.file == tiny / FILE and finding.found == 'no such file'
    assert str(finding) == (
        f'{tiny / FILE}: found no such file; expected an annotation file. The official page is https://tiny.org; what '
        f'it offers is converted by `convert_tiny.py SRC --out {tiny / "tiny"}` (see its --help).'
    )
    (tiny / FILE).mkdir(parents=True)
    assert only(official.check([FILE], tiny)).found == 'a folder'


@pytest.mark.parametrize(
    'text, found',
    [
        ('{"images": [', 'cannot be read'),
        ('[]', 'a list'),
        ('{"images": []}', 'nothing as annotations'),
        ('{"images": {}, "annotations": []}', 'dict as images'),
        ('{"images": [{"name": "a.jpg"}], "annotations": []}', "{'name': 'a.jpg'} as images[0]"),
        ('{"images": [], "annotations": [{"keypoints": [1, 2, 0]}, {"bbox": []}]}', "{'bbox': []} as annotations[1]"),
        ('{"images": [], "annotations": [{"keypoints": [[1, 2, 0]]}]}', "{'keypoints': [[1, 2, 0]]} as annotations[0]"),
    ],
)
def test_other_content_is_no_coco_json(tiny, text, found):
    (tiny / FILE).parent.mkdir(parents=True)
    (tiny / FILE).write_text(text)
    finding = only(official.check([FILE], tiny))
    assert found in finding.found and 'COCO' in finding.expected


def test_a_binary_file_is_no_json(tiny):
    (tiny / FILE).parent.mkdir(parents=True)
    (tiny / FILE).write_bytes(b'\xff\xfe\x00')
    assert 'cannot be read' in only(official.check([FILE], tiny)).found


@pytest.mark.parametrize('number, found', [(2, '2 faces, 50 % of the official ones'), (5, '5 faces')])
def test_other_number_of_faces(tiny, number, found):
    write_set(tiny, first_points(number=number))
    finding = only(official.check([FILE], tiny))
    assert (finding.found, finding.expected) == (found, '4 faces, the official number')


def test_frames_with_bad_annotations_must_be_marked(tiny):
    official.DATA_FILE.write_text(YML.replace('faces: 4', 'faces: 4, counted: 3'))
    content = write_set(tiny, first_points())
    finding = only(official.check([FILE], tiny))
    assert finding.found == '4 of 4 faces without "excluded": 1' and finding.expected.startswith('3, ')
    content['annotations'][1]['excluded'] = 1
    (tiny / FILE).write_text(json.dumps(content))
    assert official.check([FILE], tiny) == []


def test_other_layout(tiny):
    content = write_set(tiny, first_points())
    content['annotations'][2]['keypoints'] = content['annotations'][2]['keypoints'][: 3 * 5]
    (tiny / FILE).write_text(json.dumps(content))
    finding = only(official.check([FILE], tiny))
    assert finding.found == '5 keypoints in annotations[2] and a wrong number in 1 of 4 faces'
    assert finding.expected.startswith('19 keypoints') and 'aflw19' in finding.expected


def test_other_coordinates_are_another_version(tiny):
    write_set(tiny, first_points(30.0))
    finding = only(official.check([FILE], tiny))
    assert finding.found.startswith('another version of the data') and '(40.00, 50.00)' in finding.found
    assert '(10.00, 20.00) in the first face and (13.00, 20.00) in the last face' in finding.expected


def test_pixels_counted_from_1_are_another_version(tiny):
    write_set(tiny, first_points(1.0))
    finding = only(official.check([FILE], tiny))
    assert finding.found.startswith('another version of the data') and 'count pixels from 1' in finding.found


def test_tolerance_is_half_a_pixel(tiny):
    write_set(tiny, first_points(0.5))
    assert official.check([FILE], tiny) == []
    # of the last face alone, and in y alone
    write_set(tiny, [*first_points()[:3], (13, 20.52)])
    finding = only(official.check([FILE], tiny))
    assert 'the last face' in finding.expected and 'the first face' not in finding.expected


def test_fewer_and_other_faces_are_two_findings(tiny):
    write_set(tiny, first_points(30.0, number=2))
    assert [finding.found.split()[0] for finding in official.check([FILE], tiny)] == ['2', 'another']


def test_missing_images(tiny):
    write_set(tiny, first_points())
    for name in ('0.jpg', '2.jpg'):
        (tiny / 'tiny/images' / name).unlink()
    finding = only(official.check([FILE], tiny))
    assert finding.found == 'no image 0.jpg, 2.jpg, 2 of 3 that were looked for'
    assert str(tiny / 'tiny/images') in finding.expected


def test_an_empty_image(tiny):
    write_set(tiny, first_points())
    (tiny / 'tiny/images/3.jpg').write_bytes(b'')
    assert only(official.check([FILE], tiny)).found == 'the empty image 3.jpg, 1 of 3 that were looked for'


def test_faces_of_images_that_are_not_named(tiny):
    content = write_set(tiny, first_points())
    for annotation in content['annotations'][1:]:
        annotation['image_id'] += 10
    (tiny / FILE).write_text(json.dumps(content))
    assert only(official.check([FILE], tiny)).found == (
        'image_id 11 in annotations[1], which no image has, and the same in 3 of 4 faces'
    )
    (tiny / FILE).write_text(json.dumps(dict(content, images=[])))
    assert 'the same in 4 of 4 faces' in only(official.check([FILE], tiny)).found


def test_an_unknown_file_must_be_there(tiny):
    other = 'own/annotations/own.json'
    finding = only(official.check([other], tiny))
    assert finding.found == 'no such file' and 'official.yml does not tell' in finding.how
    write_set(tiny, first_points(number=1), num_keypoints=7, file=other, images=False)
    assert official.check([other], tiny) == []


def test_a_file_is_known_by_its_whole_path_as_well(tiny, tmp_path_factory):
    write_set(tiny, first_points(number=2))
    finding = only(official.check([tiny / FILE], tmp_path_factory.mktemp('other')))
    assert finding.file == tiny / FILE and finding.found.startswith('2 faces')


# ---- official.yml --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'old, new, message',
    [
        ('  page:', '  pages:', "tiny: found the unknown field 'pages'; near: page"),
        ('  page: https://tiny.org\n', '', "tiny: found no field 'page'"),
        ('layout: aflw19', 'layout: aflw21', "tiny: layout: found 'aflw21', expected one of"),
        ('faces: 4', 'face: 4', f"tiny.files.{FILE}: found the unknown field 'face'; near: faces"),
        ('faces: 4', 'faces: four', f"tiny.files.{FILE}: faces: found 'four'"),
        ('[10.00, 20.00]', '[10.00]', f'tiny.files.{FILE}: first: found .10.0., expected .x, y.'),
        ('tiny.json:', 'tiny.jsn:', 'tiny.files: found .*tiny.jsn'),
        (YML, 'tiny: 3', 'tiny: found 3, expected the fields page'),
        (YML, '[', 'found no YAML'),
        (YML, '', 'found None, expected a mapping'),
    ],
)
def test_mistakes_in_the_yml_are_named(tiny, old, new, message):
    official.DATA_FILE.write_text(YML.replace(old, new))
    with pytest.raises(ValueError, match=f'official.yml: {message}|official.yml: .*{message}'):
        official.check([], tiny)


def test_a_file_belongs_to_one_data_set(tiny):
    official.DATA_FILE.write_text(YML + YML.replace('tiny:', 'tiny2:'))
    with pytest.raises(ValueError, match='tiny2.files: found .*each once'):
        official.check([], tiny)


def test_the_yml_of_the_project():
    known = official.load_data()
    assert known[WFLW_TEST].faces == 2500 and known[WFLW_TEST].layout == 'wflw98'
    for name, facts in known.items():
        command = facts.converter.split()
        assert (REPOSITORY / command[1]).is_file(), name
        assert command[-1] != 'OUT' or command[-2] == '--out'
    part = {name.split('300w_')[1][:-5]: facts.faces for name, facts in known.items() if '300w_' in name}
    assert part['valid'] == part['valid_common'] + part['valid_challenge']
    assert part['trainval'] == part['train'] + part['valid'] and part['train'] == part['fit'] + part['select']
    video = [known[f'300vw/annotations/face_landmarks_300vw_test{suffix}.json'] for suffix in ('', '_1', '_2', '_3')]
    assert video[0].faces == sum(one.faces for one in video[1:])
    assert video[0].counted == sum(one.counted for one in video[1:])


# ---- official lists ------------------------------------------------------------------------------------------------


@pytest.fixture(scope='session')
def lists_dir(shared_dir) -> Path:
    if not (shared_dir / 'data').is_dir():
        pytest.skip(f'needs the official lists beside the checkout: {shared_dir / "data"} does not exist')
    return shared_dir / 'data'


def assert_official(known, file: str, points) -> None:
    """That number, first and last of the points, (x, y) of the first landmarks, are what the yml tells."""
    facts = known[file]
    assert facts.faces == len(points), file
    assert facts.first == pytest.approx(points[0], abs=0.00501), file
    assert facts.last == pytest.approx(points[-1], abs=0.00501), file


def read_300w(path: Path) -> dict:
    """File name -> (68, 2) landmarks in the numbers of the .pts files, in the order in which folders are converted."""
    with open(path, newline='') as file:
        rows = {
            row['image_name']: np.array([float(row[f'original_{k}_{axis}']) for k in range(68) for axis in 'xy'])
            for row in csv.DictReader(file)
        }
    folders = ('helen/testset', 'lfpw/testset', 'ibug', 'Test/01_Indoor', 'Test/02_Outdoor')
    ordered = sorted(rows, key=lambda name: (folders.index(Path(name).parent.as_posix()), Path(name).stem))
    return {name: rows[name].reshape(68, 2) for name in ordered}


def test_wflw_is_that_of_the_official_lists(lists_dir):
    known = official.load_data()
    # 68 of the 98 landmarks, but the first one is the same
    lines = [line.split() for line in open(lists_dir / 'wflw/list_68pt_rect_attr_test.txt')]
    assert_official(known, WFLW_TEST, [tuple(map(float, line[:2])) for line in lines])
    of_face = {(line[-1], *line[:2]) for line in lines}
    for subset in ('largepose', 'expression', 'illumination', 'makeup', 'occlusion', 'blur'):
        members = [line.split() for line in open(lists_dir / f'wflw/list_98pt_test_{subset}.txt')]
        assert {(line[-1], *line[:2]) for line in members} <= of_face
        assert_official(
            known,
            f'wflw/annotations/face_landmarks_wflw_test_{subset}.json',
            [tuple(map(float, line[:2])) for line in members],
        )


@pytest.mark.parametrize('part', ['valid', 'valid_common', 'valid_challenge', 'test'])
def test_300w_is_that_of_the_official_lists(lists_dir, part):
    known = official.load_data()
    faces = read_300w(lists_dir / f'300w_csv/face_landmarks_300w_{part}.csv')
    points = [tuple(face[0] - 1) for face in faces.values()]
    assert_official(known, f'300w/annotations/face_landmarks_300w_{part}.json', points)
    if part == 'valid':
        trainval = known['300w/annotations/face_landmarks_300w_trainval.json']
        assert trainval.last == pytest.approx(points[-1], abs=0.00501)


def test_300w_lists_count_pixels_from_1(lists_dir):
    """Crops that begin at an edge of the image and were not made smaller keep the numbers of the .pts file."""
    offsets = []
    for name, face in read_300w(lists_dir / '300w_csv/face_landmarks_300w_valid_common.csv').items():
        lines = (lists_dir / '300w' / name).with_suffix('.pts').read_text().splitlines()
        offset = face - np.array([line.split() for line in lines[3:71]], float)
        if np.ptp(offset, axis=0).max() < 1e-6:
            offsets.append(offset[0])
    assert len(offsets) > 100 and np.min(offsets) == pytest.approx(0, abs=1e-6)


def test_cofw68_is_that_of_the_official_files(lists_dir):
    folder = lists_dir / 'cofw68/test_annotations'
    points = [
        tuple(loadmat(folder / f'{number}_points.mat')['Points'][0] - 1)
        for number in range(1, 1 + len(list(folder.iterdir())))
    ]
    assert_official(official.load_data(), 'cofw/annotations/cofw68_test.json', points)


def test_crops_of_300w_are_another_version(lists_dir, tmp_path):
    file = '300w/annotations/face_landmarks_300w_valid_common.json'
    names = read_300w(lists_dir / '300w_csv/face_landmarks_300w_valid_common.csv')
    lines = [(lists_dir / '300w' / name).with_suffix('.pts').read_text().splitlines()[3] for name in names]
    write_set(tmp_path, [np.array(line.split(), float) - 1 for line in lines], num_keypoints=68, file=file)
    assert only(official.check([file], tmp_path)).found.startswith('another version of the data')
