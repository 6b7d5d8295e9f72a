"""``convert_annotations.py``: from each format to each, as it is typed."""

import json
from pathlib import Path

import convert_annotations
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmfld.datasets import FaceLandmarkDataset

POINTS = np.array([[10.25, 12.5], [40.0, 13.0], [25.0, 20.125], [15.0, 30.0], [35.0, 31.5]])


@pytest.fixture
def folder(tmp_path) -> Path:
    for seed, name in enumerate(('a.jpg', 'sub/b.png')):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.random.default_rng(seed).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        assert cv2.imwrite(str(path), image)
    return tmp_path


@pytest.fixture
def convert(folder):
    """Runs the command; names of files are those of the folder."""

    def convert(source, out, *arguments) -> int:
        return convert_annotations.main(
            [str(folder / source), str(folder / out), '--images', str(folder / 'images'), *arguments]
        )

    return convert


def coco(*faces, names=()):
    """Of (image, (K, 3))."""
    files = list(dict.fromkeys(image for image, _ in faces))
    return dict(
        images=[dict(id=n, file_name=name, width=60, height=40) for n, name in enumerate(files)],
        categories=[dict(id=1, name='face', keypoints=list(names), skeleton=[])],
        annotations=[
            dict(id=n, image_id=files.index(image), category_id=1, keypoints=np.ravel(keypoints).tolist())
            for n, (image, keypoints) in enumerate(faces)
        ],
    )


def with_v(points, v=1):
    return np.column_stack([points, np.full(len(points), v)])


def keypoints(path) -> list:
    content = json.loads(Path(path).read_text())
    names = {image['id']: image['file_name'] for image in content['images']}
    return [
        (names[annotation['image_id']], np.reshape(annotation['keypoints'], (-1, 3)).tolist())
        for annotation in content['annotations']
    ]


def pts(points) -> str:
    return '\n'.join(['version: 1', f'n_points: {len(points)}', '{', *(f'{x} {y}' for x, y in points), '}'])


# ---- round trips -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('through, off', [('faces.csv', 0), ('points', 0), ('faces.xml', 0.5), ('copy.json', 0)])
def test_what_goes_out_comes_in_again(folder, convert, through, off):
    faces = [('a.jpg', with_v(POINTS)), ('a.jpg', with_v(POINTS + 2)), ('sub/b.png', with_v(POINTS - 3))]
    (folder / 'in.json').write_text(json.dumps(coco(*faces)))
    assert convert('in.json', through) == 0
    assert convert(through, 'out.json') == 0
    found = keypoints(folder / 'out.json')
    assert sorted(name for name, _ in found) == ['a.jpg', 'a.jpg', 'sub/b.png']
    for (_, values), (_, expected) in zip(sorted(found), sorted((n, v.tolist()) for n, v in faces)):
        np.testing.assert_allclose(values, expected, atol=off)


@pytest.mark.parametrize('through', ['faces.csv', 'faces.xml', 'copy.json'])
def test_names_and_landmarks_that_are_missing_come_in_again(folder, convert, through):
    names = ['eye "1"', 'eye<2>', 'nose, tip', 'mouth & corner', 'é']
    first, second = with_v(POINTS.round()), with_v(POINTS.round() + 1)
    second[2] = 0
    (folder / 'in.json').write_text(json.dumps(coco(('a.jpg', first), ('sub/b.png', second), names=names)))
    assert convert('in.json', through) == 0
    assert convert(through, 'out.json') == 0
    assert json.loads((folder / 'out.json').read_text())['categories'][0]['keypoints'] == names
    assert keypoints(folder / 'out.json') == [('a.jpg', first.tolist()), ('sub/b.png', second.tolist())]


numbers = st.floats(-500, 500).map(lambda value: round(value, 6))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    points=st.integers(1, 6).flatmap(
        lambda count: st.lists(
            st.lists(st.tuples(numbers, numbers, st.sampled_from([0, 1, 2])), min_size=count, max_size=count).filter(
                lambda face: any(v for _, _, v in face)
            ),
            min_size=1,
            max_size=3,
        )
    )
)
def test_any_points_go_through_a_table_and_back(folder, convert, points):
    faces = [('a.jpg', [(x, y, v) if v else (0, 0, 0) for x, y, v in face]) for face in points]
    (folder / 'in.json').write_text(json.dumps(coco(*faces)))
    options = ['--without-images', '--overwrite']
    assert convert('in.json', 'faces.csv', *options) == 0
    assert convert('faces.csv', 'out.json', *options) == 0
    for (_, found), (_, expected) in zip(keypoints(folder / 'out.json'), faces, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=9))
def test_any_points_go_through_pts_files_and_back(folder, convert, points):
    (folder / 'in.json').write_text(json.dumps(coco(('a.jpg', with_v(np.array(points))))))
    options = ['--without-images', '--overwrite']
    assert convert('in.json', 'points', *options) == 0
    assert convert('points', 'out.json', *options) == 0
    np.testing.assert_allclose(keypoints(folder / 'out.json')[0][1], with_v(np.array(points)), atol=1e-6)


# ---- pixels ----------------------------------------------------------------------------------------------------------


def test_each_format_has_its_own_first_pixel(folder, convert):
    """A landmark on the middle of the pixel in column 10 and row 12."""
    names = 'abcde'
    shapes = [dict(label=n, points=[[x + 0.5, y + 0.5]], shape_type='point') for n, (x, y) in zip(names, POINTS)]
    (folder / 'labelme.json').write_text(json.dumps(dict(shapes=shapes, imagePath='a.jpg')))
    elements = ''.join(f'<points label="{n}" points="{x + 0.5},{y + 0.5}"/>' for n, (x, y) in zip(names, POINTS))
    image = f'<image name="a.jpg" width="60" height="40"><skeleton label="face">{elements}</skeleton></image>'
    (folder / 'cvat.xml').write_text(f'<annotations>{image}</annotations>')
    cells = ','.join(f'{x},{y}' for x, y in POINTS)
    (folder / 'faces.csv').write_text(f'file,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\na.jpg,{cells}\n')
    (folder / 'images' / 'a.pts').write_text(pts(POINTS + 1))
    for number, source in enumerate(('labelme.json', 'cvat.xml', 'faces.csv', 'images/a.pts')):
        assert convert(source, f'{number}.json') == 0
        ((name, found),) = keypoints(folder / f'{number}.json')
        assert name == 'a.jpg' and np.array(found)[:, :2].tolist() == POINTS.tolist()


def test_labelme_gets_a_file_beside_each_picture_and_what_it_saves_is_read(folder, convert, capsys):
    lacking = with_v(POINTS + 1)
    lacking[4] = 0
    faces = ('a.jpg', with_v(POINTS)), ('a.jpg', lacking), ('sub/b.png', with_v(POINTS))
    (folder / 'faces.json').write_text(json.dumps(coco(*faces)))
    assert convert('faces.json', 'images', '--to', 'labelme') == 0
    assert f'{folder}/images: 3 faces in 2 files\n' in capsys.readouterr().out
    content = json.loads((folder / 'images/sub/b.json').read_text())
    assert [content[name] for name in ('imagePath', 'imageData', 'imageWidth', 'imageHeight')] == [
        'b.png',
        None,
        60,
        40,
    ]
    assert content['shapes'][2] == dict(
        label='2', points=[[25.5, 20.625]], group_id=None, shape_type='point', flags={}
    )  # its first pixel goes from 0 to 1
    groups = [shape['group_id'] for shape in json.loads((folder / 'images/a.json').read_text())['shapes']]
    assert groups == [0] * 5 + [1] * 4
    assert convert('images', 'faces.json', '--from', 'labelme', '--overwrite') == 0
    assert sorted(keypoints(folder / 'faces.json')) == sorted((name, found.tolist()) for name, found in faces)


def test_files_of_labelme_are_not_overwritten_without_a_word(folder, convert, capsys):
    (folder / 'faces.json').write_text(json.dumps(coco(('a.jpg', with_v(POINTS)))))
    (folder / 'images/a.json').write_text('corrected')
    assert convert('faces.json', 'images', '--to', 'labelme') == 1
    assert 'a.json' in capsys.readouterr().err and (folder / 'images/a.json').read_text() == 'corrected'


def test_pictures_that_differ_in_their_suffix_share_no_file_of_labelme(folder, convert, capsys):
    (folder / 'images/a.png').write_bytes((folder / 'images/sub/b.png').read_bytes())
    (folder / 'faces.json').write_text(json.dumps(coco(('a.jpg', with_v(POINTS)), ('a.png', with_v(POINTS)))))
    assert convert('faces.json', 'out', '--to', 'labelme') == 1
    assert 'two images of one name: found a.png beside a.jpg' in capsys.readouterr().err


def test_files_that_count_otherwise_are_told_by_an_option(folder, convert):
    (folder / 'images' / 'a.pts').write_text(pts(POINTS))
    assert convert('images/a.pts', 'out.json', '--origin', '0') == 0
    assert np.array(keypoints(folder / 'out.json')[0][1])[:, :2].tolist() == POINTS.tolist()
    assert convert('out.json', 'points', '--out-origin', '0.5') == 0
    assert '10.750000 13.000000' in (folder / 'points' / 'a.pts').read_text()


# ---- what trainings read ---------------------------------------------------------------------------------------------


def test_a_layout_of_ones_own_reads_what_is_written(folder, convert, capsys):
    (folder / 'faces.csv').write_text(
        'image,name,x,y\n' + ''.join(f'images/a.jpg,{n},{x},{y}\n' for n, (x, y) in zip('abcde', POINTS))
    )
    assert convert('faces.csv', 'annotations/faces.json') == 0
    assert 'faces.csv: csv, 1 face of 5 landmarks: a, b, c, d, e\n' in capsys.readouterr().out
    dataset = FaceLandmarkDataset(
        dict(name='five', num_keypoints=5, flip_pairs=[[0, 1], [3, 4]]),
        ann_file='annotations/faces.json',
        data_root=str(folder),
        data_prefix=dict(img='images'),
        test_mode=True,
    )
    np.testing.assert_allclose(dataset[0]['keypoints'][0], POINTS)


# ---- what is wrong ---------------------------------------------------------------------------------------------------


def test_a_missing_image_is_left_out_and_the_status_says_so(folder, convert, capsys):
    (folder / 'in.json').write_text(json.dumps(coco(('a.jpg', with_v(POINTS)), ('c.jpg', with_v(POINTS)))))
    assert convert('in.json', 'faces.csv') == 1
    output = capsys.readouterr()
    assert 'in.json:annotation 1: missing image: ' in output.err and 'faces left out: 1' in output.out
    assert len((folder / 'faces.csv').read_text().splitlines()) == 2
    assert convert('in.json', 'all.csv', '--without-images') == 0
    assert convert('in.json', 'some.csv', '--allow-left-out') == 0
    assert convert('in.json', 'strict.csv', '--strict') == 1
    assert not (folder / 'strict.csv').exists()


def test_zero_points_are_no_face(folder, convert, capsys):
    (folder / 'images' / 'a.pts').write_text('version: 1\nn_points: 0\n{\n}\n')
    assert convert('images/a.pts', 'out.json') == 1
    assert 'a.pts:2: wrong point count: found n_points: 0, expected a number of points' in capsys.readouterr().err
    (folder / 'in.json').write_text(json.dumps(coco(('a.jpg', 0 * with_v(POINTS)))))
    for options in ([], ['--without-images']):
        assert convert('in.json', 'out.csv', *options) == 1
        assert 'found no annotated landmark' in capsys.readouterr().err
    assert not (folder / 'out.json').exists() and not (folder / 'out.csv').exists()


def test_points_far_outside_are_left_out_and_negative_ones_near_by_are_not(folder, convert, capsys):
    near, far = POINTS.copy(), POINTS.copy()
    near[0], far[0] = (-4.5, -2), (-400, 5)
    (folder / 'in.json').write_text(json.dumps(coco(('a.jpg', with_v(near)), ('sub/b.png', with_v(far)))))
    assert convert('in.json', 'out.json') == 1
    assert [name for name, _ in keypoints(folder / 'out.json')] == ['a.jpg']
    assert 'found landmark 0 at (-400, 5) in an image of 60 x 40 pixels' in capsys.readouterr().err


def test_a_pts_file_cannot_lack_a_landmark(folder, convert, capsys):
    points = with_v(POINTS)
    points[2] = 0
    (folder / 'in.json').write_text(json.dumps(coco(('a.jpg', points), ('sub/b.png', with_v(POINTS)))))
    assert convert('in.json', 'points') == 1
    assert 'missing landmark: found no landmark 2, expected all of them in a .pts file' in capsys.readouterr().err
    assert not (folder / 'points' / 'a.pts').exists() and (folder / 'points' / 'sub' / 'b.pts').exists()


def test_an_origin_moves_landmarks_and_boxes_alike(folder, convert):
    points = with_v(POINTS)
    points[0] = 0
    content = coco(('a.jpg', points))
    boxes = dict(
        landmark_box=[15.0, 13.0, 40.0, 31.5], face_box=[5.0, 6.0, 30.0, 31.0], center=[20.0, 21.5], box_size=31
    )
    content['annotations'][0].update(boxes, attributes=dict(blur=1), scale=7, bbox=[1, 2, 3, 4])
    (folder / 'in.json').write_text(json.dumps(content))
    assert convert('in.json', 'out.json', '--origin', '1') == 0
    (found,) = json.loads((folder / 'out.json').read_text())['annotations']
    assert found['landmark_box'] == [14.0, 12.0, 39.0, 30.5] and found['face_box'] == [4.0, 5.0, 30.0, 31.0]
    assert found['center'] == [19.0, 20.5] and found['box_size'] == 31 and found['attributes'] == dict(blur=1)
    assert found['bbox'] == [14.0, 12.0, 25.0, 18.5]  # of the landmarks, written anew
    expected = points - [1, 1, 0]
    expected[0] = 0
    np.testing.assert_allclose(np.reshape(found['keypoints'], (-1, 3)), expected, atol=1e-6)
    assert convert('out.json', 'back.json', '--out-origin', '1') == 0
    (back,) = json.loads((folder / 'back.json').read_text())['annotations']
    assert {name: back[name] for name in boxes} == boxes and keypoints(folder / 'back.json')[0][1] == points.tolist()


@pytest.mark.parametrize(
    'field, value, count',
    [('face_box', 'abc', 4), ('landmark_box', [1, 2, 3], 4), ('face_box', [1, 2, None, 4], 4), ('center', 3, 2)],
)
def test_a_box_that_is_none_is_told(folder, convert, capsys, field, value, count):
    content = coco(('a.jpg', with_v(POINTS)), ('sub/b.png', with_v(POINTS)))
    content['annotations'][0].update({'box_size': 31, field: value})
    (folder / 'in.json').write_text(json.dumps(content))
    assert convert('in.json', 'out.json') == 1
    assert f'in.json:annotation 0: bad box: {field}: found {value!r}, expected {count} ' in capsys.readouterr().err
    assert [name for name, _ in keypoints(folder / 'out.json')] == ['sub/b.png']


def test_images_without_points_files_are_told_and_no_faces_left_out(folder, convert, capsys):
    (folder / 'points').mkdir()
    (folder / 'points/a.pts').write_text(pts(POINTS + 1))
    assert cv2.imwrite(str(folder / 'images/c.jpg'), np.zeros((40, 60, 3), np.uint8))
    assert convert('points', 'out.json') == 0
    told = capsys.readouterr()
    assert f'images/c.jpg: image without faces: found no c.pts in {folder}/points' in told.err
    assert 'faces left out: 0\nother problems: 1\n       1  image without faces\n' in told.out
    assert [name for name, _ in keypoints(folder / 'out.json')] == ['a.jpg']
    assert convert('points', 'strict.json', '--strict') == 1
    assert 'stopped at the first problem (--strict)' in capsys.readouterr().err


def test_an_image_elsewhere_is_told(folder, convert, capsys):
    cv2.imwrite(str(folder / 'c.jpg'), np.zeros((40, 60, 3), np.uint8))
    (folder / 'faces.csv').write_text('file,x0,y0\nc.jpg,1,2\n')
    assert convert('faces.csv', 'out.json') == 1
    error = capsys.readouterr().err
    assert f'faces.csv:2: image elsewhere: found {folder}/c.jpg, expected an image in {folder}/images: ' in error


def test_nothing_is_overwritten_unless_told(folder, convert, capsys):
    (folder / 'in.json').write_text(json.dumps(coco(('a.jpg', with_v(POINTS)))))
    for out in ('in.json', 'faces.csv', 'faces.xml', 'points'):
        if out != 'in.json':
            assert convert('in.json', out) == 0
        assert convert('in.json', out) == 1
        assert 'is there already; choose another name, or --overwrite' in capsys.readouterr().err
        assert convert('in.json', out, '--overwrite') == 0


@pytest.mark.parametrize(
    'name, content, message',
    [
        ('a.json', '{', 'found no valid json'),
        ('a.json', '{}', 'found neither "annotations" of COCO-style json nor "shapes" of labelme'),
        ('a.json', '{"annotations": [], "images": 3}', 'field "images": found 3, expected a list'),
        ('a.xml', '<svg/>', 'found <svg>, expected <dataset> of imglab or <annotations> of CVAT'),
        ('a.xml', '<dataset/>', 'a.xml: imglab: found no face'),
        ('a.txt', '', "found suffix '.txt', expected a .json, .xml, .csv or .pts file"),
        ('empty/a.txt', '', 'found neither, expected .pts files or the json files of labelme'),
    ],
)
def test_a_file_of_no_format_is_one_sentence(folder, convert, capsys, name, content, message):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    assert convert(path.parent if name.startswith('empty') else name, 'out.json') == 1
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['in.json', 'out.txt'], "found suffix '.txt', expected .json (COCO), .xml (imglab), .csv or a folder"),
        (['nowhere.json', 'out.json'], 'nowhere.json: does not exist'),
        (['in.json', 'out.csv', '--names', 'a,b,b'], "names: found 'b' twice"),
    ],
)
def test_wrong_arguments_are_one_sentence(folder, convert, capsys, arguments, message):
    (folder / 'in.json').write_text(json.dumps(coco(('a.jpg', with_v(POINTS)))))
    assert convert(*arguments) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    'change, kind',
    [
        (dict(keypoints=[1, 2]), 'bad keypoints'),
        (dict(keypoints=[]), 'bad keypoints'),
        (dict(keypoints=None), 'bad keypoints'),
        (dict(keypoints=[float('nan'), 1, 1] * 5), 'bad keypoints'),
        (dict(keypoints=[1, 1, 3] * 5), 'bad keypoints'),
        (dict(keypoints=[1, 2, 1, 3, 5, 1]), 'wrong point count'),
    ],
    ids=str,
)
def test_keypoints_that_are_none_are_left_out(folder, convert, capsys, change, kind):
    content = coco(('a.jpg', with_v(POINTS)), ('sub/b.png', with_v(POINTS)), names='abcde')
    content['annotations'][1].update(change)
    (folder / 'in.json').write_text(json.dumps(content))
    assert convert('in.json', 'out.csv') == 1
    assert f'in.json:annotation 1: {kind}: ' in capsys.readouterr().err
