"""Faults that are planted into data are found, all of them; clean data have none."""

import shutil

import cv2
import numpy as np
import PIL.Image
import pytest
import torch

from mmfld.doctor import examine, picture_cache, pictures, registration
from mmfld.doctor.duplicates import same
from mmfld.structures import get_layout

LAYOUT = get_layout('300w68')


def swapped(points):
    return [points[index] for index in LAYOUT.flip_indices]


def test_clean_faces_have_no_error_and_no_warning(faces, errors, warnings, notes, monkeypatch):
    monkeypatch.setattr(registration, 'MODEL_LAYOUT', '300w68')
    found = faces.examine()
    assert errors(found) == [] and warnings(found) == []
    assert 'images: 16 of 16 images open in full' in notes(found)
    assert 'synthetic_300w68_test.json: none of 4 images is among the 12 of synthetic_300w68_train.json' in notes(found)


def test_a_truncated_image_is_an_error(faces, errors):
    path = faces.image('train', 3)
    path.write_bytes(path.read_bytes()[:-200])
    (error,) = errors(faces.examine())
    assert error.startswith('synthetic_300w68_train.json: ')
    assert 'train_000003.jpg: found' in error and 'it is cut off' in error


def test_a_missing_image_is_an_error(faces, errors):
    faces.image('test', 1).unlink()
    assert errors(faces.examine()) == [f'synthetic_300w68_test.json: image {faces.image("test", 1)} does not exist']


def test_a_folder_without_any_of_the_images_is_one_error(faces, errors):
    shutil.rmtree(faces.root / 'images')
    first, second = errors(faces.examine())
    assert 'none of the 12 images is there' in first and 'none of the 4 images is there' in second


def test_an_image_of_another_size_than_the_file_says_is_an_error(faces, errors):
    path = faces.image('train', 0)
    cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (100, 90)))
    (error,) = errors(faces.examine())
    assert f'{path}: found 100 x 90 pixels, expected 128 x 128' in error


def test_a_point_far_outside_is_an_error(faces, errors):
    faces.change_points(lambda points: [[1e6, 5.0, 1], *points[1:]], faces=slice(2, 3))
    (error,) = errors(faces.examine('train'))
    assert 'annotation 3, field "keypoints": found a point at (1e+06, 5)' in error


def test_a_point_just_outside_is_noted(faces, errors, notes):
    faces.change_points(lambda points: [[-4.0, 60.0, 1], *points[1:]], faces=slice(2, 3))
    found = faces.examine('train')
    assert errors(found) == []
    (note,) = (note for note in notes(found) if 'outside of the image' in note)
    assert '1 landmark of 1 face ' in note
    assert 'annotations 3; the first: landmark 0 at (-4.0, 60.0) in 128 x 128' in note


def test_a_box_outside_is_an_error_where_crops_are_taken_by_it(faces, errors, warnings):
    def move(content):
        content['annotations'][0]['face_box'] = [500.0, 10.0, 40.0, 40.0]
        content['annotations'][1].update(bbox=[500.0, 10.0, 40.0, 40.0], area=1600.0)

    faces.change(move)
    found = faces.examine('train')
    (error,) = errors(found)
    assert 'annotation 1, field "face_box": found ' in error
    (warning,) = warnings(found)
    assert 'field "bbox" as [x, y, w, h] holds less than half of the landmarks' in warning
    assert 'in 1 of 11 annotations: 2' in warning


@pytest.mark.parametrize('stored', ['anew', 'smaller'])
def test_a_test_image_among_the_training_images_is_found(faces, warnings, stored):
    image = cv2.imread(str(faces.image('train', 5)))
    if stored == 'smaller':
        faces.change(lambda content: content['images'][2].update(width=96, height=96), 'test')
        faces.change_points(lambda points: [[0.75 * x, 0.75 * y, v] for x, y, v in points], 'test', slice(2, 3))
        image = cv2.resize(image, (96, 96), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(faces.image('test', 2)), image, [cv2.IMWRITE_JPEG_QUALITY, 40])
    (warning,) = (text for text in warnings(faces.examine()) if 'as well' in text)
    assert '1 of 4 images are in synthetic_300w68_train.json as well: test_000002.jpg = train_000005.jpg' in warning


def test_exchanged_sides_of_all_faces_are_an_error(faces, errors):
    faces.change_points(swapped)
    (error,) = errors(faces.examine('train'))
    assert 'left and right are exchanged in 12 of 12 faces' in error


def test_mirrored_images_of_which_the_points_are_not_renumbered_are_an_error(faces, errors):
    for index in range(12):
        image = cv2.imread(str(faces.image('train', index)))
        cv2.imwrite(str(faces.image('train', index)), image[:, ::-1])
    faces.change_points(lambda points: [[127 - x, y, v] for x, y, v in points])
    (error,) = errors(faces.examine('train'))
    assert 'left and right are exchanged in 12 of 12 faces' in error


def test_single_faces_with_exchanged_sides_are_listed(faces, errors, warnings):
    faces.change_points(swapped, faces=slice(4, 6))
    found = faces.examine('train')
    assert errors(found) == []
    assert 'left and right are exchanged in 2 of 12 faces: annotations 5, 6' in ' '.join(warnings(found))


def test_faces_on_their_head_are_not_exchanged(faces, errors, warnings):
    for index in range(12):
        image = cv2.imread(str(faces.image('train', index)))
        cv2.imwrite(str(faces.image('train', index)), image[::-1, ::-1])
    faces.change_points(lambda points: [[127 - x, 127 - y, v] for x, y, v in points])
    found = faces.examine('train')
    assert errors(found) == [] and not any('exchanged' in text for text in warnings(found))


def test_landmarks_that_are_numbered_in_another_way_are_found(faces, warnings):
    def renumbered(points):
        points[17:27] = points[26:16:-1]  # brows from the subject's left to the right
        return points

    faces.change_points(renumbered)
    assert 'the flip pairs 17-26, 18-25, 19-24, 20-23, 21-22 of layout 300w68 lie the other way round' in ' '.join(
        warnings(faces.examine('train'))
    )


@pytest.mark.parametrize('shift, text', [((9.0, 0.0), 'to the right'), ((0.0, 9.0), 'down')])
def test_points_beside_the_face_are_found(faces, warnings, shift, text, monkeypatch):
    monkeypatch.setattr(registration, 'MODEL_LAYOUT', '300w68')
    faces.change_points(lambda points: [[x + shift[0], y + shift[1], v] for x, y, v in points])
    (warning,) = (one for one in warnings(faces.examine('train')) if 'where the model' in one)
    share = warning.replace('of the inter-ocular distance ', '').split(f' % {text}')[0].split()[-1]
    # the eyes are about 45 pixels apart
    assert 8 < float(share) < 40


def test_another_number_than_the_official_one_is_found(faces, warnings):
    file = faces.root / 'annotations/face_landmarks_300w_valid_common.json'
    faces.file('train').rename(file)
    found = warnings(list(examine(files=[str(file)])))
    assert any('found 12 faces, 2 % of the official ones; expected 554 faces' in text for text in found)


def test_a_crop_that_cuts_is_found(faces, warnings):
    found = faces.examine_config('crop.padding=0.7')
    cut = [text for text in warnings(found) if 'the crop leaves out' in text]
    assert [text.split(':')[0] for text in cut] == ['val', 'test']  # an augmentation may cut
    assert all('no network that stays in its crop has an NME below' in text for text in cut)


def test_a_config_without_faults_has_no_error_and_its_step_is_taken(faces, errors, notes):
    found = faces.examine_config('train_dataloader.batch_size=4', step=True)
    assert errors(found) == []
    text = '\n'.join(notes(found))
    assert 'training: batch 4, Adam with a learning rate of 0.0005, weights averaged with a momentum of 0.0025' in text
    assert 'for a batch of 4 on cpu' in text and '8 epochs are 24 steps' in text


def test_a_batch_larger_than_the_data_leaves_no_step(faces, errors):
    assert errors(faces.examine_config('train_dataloader.batch_size=16')) == [
        'training: an epoch has no step: 12 training faces, and drop_last leaves out a batch of less than 16'
    ]


def test_weights_that_the_training_cannot_begin_with_are_an_error(faces, errors):
    weights = faces.root / 'weights.pth'
    weights.write_bytes(b'PK')
    (error,) = errors(faces.examine_config(f'load_from={weights}', 'train_dataloader.batch_size=4'))
    assert error.startswith(f'load_from: {weights}: found 2 bytes of a checkpoint that is cut off or damaged')
    torch.save(dict(state_dict=dict(other=torch.ones(1))), weights)
    (error,) = errors(faces.examine_config(f'load_from={weights}', 'train_dataloader.batch_size=4'))
    assert f'load_from: {weights} does not fit the model: ' in error and '1 unexpected: other' in error


def test_a_video_that_is_not_there_is_an_error(faces, errors):
    def of_a_video(content):
        for number, image in enumerate(content['images']):
            image.update(file_name='film.mp4', video='film', frame=number)

    faces.change(of_a_video)
    assert any('film.mp4' in text for text in errors(faces.examine('train')))


def test_all_faults_are_listed(faces, errors):
    faces.change_points(lambda points: [[1e6, 5.0, 1], *points[1:]], faces=slice(0, 1))
    faces.change_points(lambda points: [[-1e6, 5.0, 1], *points[1:]], faces=slice(1, 2))
    faces.change(lambda content: content['annotations'][2].update(attributes=dict(blur='yes')))
    for index in (7, 8):
        faces.image('train', index).write_bytes(b'')
    found = errors(faces.examine('train'))
    assert len(found) == 5
    assert [sum(word in text for text in found) for word in ('1e+06', 'blur', '000007', '000008')] == [2, 1, 1, 1]


def test_the_same_fault_of_many_annotations_is_one_finding(faces, errors):
    faces.change_points(lambda points: [[1e6, 5.0, 1], *points[1:]], faces=slice(0, 11))
    (error,) = errors(faces.examine('train'))
    assert 'annotations 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 1 more (11 of them), field "keypoints": found a ' in error


def test_a_file_of_another_layout_is_one_error(faces, errors):
    found = faces.examine_config(f'train_dataset.ann_file={faces.file("train")}'.replace('300w68', 'wflw98'))
    (error,) = (text for text in errors(found) if text.startswith('train: '))
    assert 'annotations 1, 2, 3, ' in error
    assert 'and 2 more (12 of them), field "keypoints": found 294 entries (98 landmarks)' in error


def test_a_face_without_an_eye_corner_leaves_the_others_measured(faces, errors, notes):
    faces.change_points(lambda points: [*points[:36], [0.0, 0.0, 0], *points[37:]], 'test', slice(1, 2))
    found = faces.examine_config()
    (error,) = (text for text in errors(found) if text.startswith('test: '))
    assert '1 of 4 faces cannot be measured by inter_ocular' in error and 'annotations 2 (' in error
    (note,) = (text for text in notes(found) if text.startswith('test: the crop leaves out'))
    assert 'without the 1 face that the metric cannot measure' in note


def test_all_faces_without_an_eye_corner_leave_the_crop_measured(faces, notes):
    faces.change_points(lambda points: [*points[:36], [0.0, 0.0, 0], *points[37:]], 'test')
    assert any(
        'the crop leaves out' in text and 'the metric can measure none of them' in text
        for text in notes(faces.examine_config())
    )


@pytest.mark.parametrize('bits, is_dark', [(13, True), (14, True), (16, False)])
def test_pictures_of_a_camera_of_few_bits_are_found(faces, errors, warnings, bits, is_dark):
    for index in range(12):
        grey = cv2.imread(str(faces.image('train', index)), 0).astype(float)
        path = faces.image('train', index).with_suffix('.png')
        cv2.imwrite(str(path), (grey / grey.max() * (2**bits - 1)).astype(np.uint16))
    faces.change(
        lambda content: [
            image.update(file_name=image['file_name'].replace('.jpg', '.png')) for image in content['images']
        ]
    )
    found = faces.examine('train')
    assert errors(found) == []
    dark = [text for text in warnings(found) if 'images of 16 bit' in text]
    assert len(dark) == is_dark
    if is_dark:
        assert f'the 12 images of 16 bit reach {2**bits - 1} of 65535, as those of {bits} bits do' in dark[0]


def test_one_dark_picture_of_16_bit_among_bright_ones_is_fine(faces, warnings):
    for index, peak in enumerate((9000, 60000)):
        path = faces.image('train', index).with_suffix('.png')
        cv2.imwrite(str(path), cv2.imread(str(faces.image('train', index)), 0).astype(np.uint16) * (peak // 255))
    faces.change(
        lambda content: [
            image.update(file_name=image['file_name'].replace('.jpg', '.png')) for image in content['images'][:2]
        ]
    )
    assert warnings(faces.examine('train')) == []


def test_a_file_that_is_no_json_is_one_error(faces, errors):
    faces.file('test').write_text('{"images": [')
    (error,) = errors(faces.examine())
    assert 'synthetic_300w68_test.json: found no COCO-style json' in error


@pytest.mark.parametrize(
    'content, said',
    [
        ('[{"id": 1}]', 'found a list, expected an object with the fields "images" and "annotations"'),
        ('{"images": [], "annotations": []}', 'found no keypoints of a face in "annotations"'),
    ],
)
def test_a_json_of_something_else_is_one_error(faces, errors, content, said):
    faces.file('test').write_text(content)
    (error,) = errors(faces.examine())
    assert f'synthetic_300w68_test.json: {said}' in error


def test_training_on_the_test_file_is_found(faces, warnings):
    found = warnings(faces.examine_config(f'train_dataset.ann_file={faces.file("test")}'))
    assert any('4 of 4 images are in train as well' in text for text in found)


def test_the_second_look_decodes_nothing(faces, errors, monkeypatch):
    faces.examine()
    monkeypatch.setattr(pictures, 'decode_image', lambda *_: pytest.fail('decoded again'))
    found = faces.examine()
    assert errors(found) == []


def test_an_image_that_was_changed_is_read_again(faces, errors):
    faces.examine()
    faces.image('train', 3).write_bytes(b'no image')
    (error,) = errors(faces.examine())
    assert 'train_000003.jpg' in error


def test_nothing_is_written_into_the_folder_of_the_data(faces):
    before = sorted(faces.root.rglob('*'))
    faces.examine()
    assert sorted(faces.root.rglob('*')) == before


def test_without_a_folder_for_the_cache_everything_is_read(faces, errors, notes, tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    found = faces.examine()
    assert errors(found) == [] and 'images: 16 of 16 images open in full' in notes(found)


def test_a_damaged_cache_is_not_needed(faces, errors, notes):
    folder = picture_cache.cache_folder()
    folder.mkdir(parents=True)
    (folder / f'pictures_{picture_cache.VERSION}.sqlite').write_bytes(b'no data base' * 100)
    found = faces.examine()
    assert errors(found) == [] and 'images: 16 of 16 images open in full' in notes(found)


def test_pictures_of_one_colour_are_no_duplicates():
    plain = picture_cache.Picture((9, 9), np.full((16, 16), 7, np.uint8))
    assert same(['a'], ['b'], dict(a=plain, b=plain)) == []


def test_a_mirrored_training_image_in_the_test_is_found(faces, warnings):
    cv2.imwrite(str(faces.image('test', 2)), cv2.imread(str(faces.image('train', 5)))[:, ::-1])
    assert any(
        '1 of 4 images are in synthetic_300w68_train.json as well: test_000002.jpg = train_000005.jpg' in text
        for text in warnings(faces.examine())
    )


def test_images_that_are_turned_without_a_change_of_size_are_told(faces, warnings):
    for index, orientation in ((1, 6), (4, 3), (5, 1)):
        exif = PIL.Image.Exif()
        exif[0x0112] = orientation
        path = faces.image('train', index)
        PIL.Image.open(path).save(path, exif=exif)
    for _ in range(2):  # the second look knows it from the first
        (found,) = [text for text in warnings(faces.examine('train')) if 'EXIF' in text]
        assert '2 images are turned or mirrored as EXIF says, and the size does not tell whether' in found
        assert 'train_000001.jpg' in found and 'train_000004.jpg' in found


def test_images_whose_size_tells_that_they_were_turned_are_not_told(faces, warnings):
    path = faces.image('train', 1)
    image = cv2.copyMakeBorder(cv2.imread(str(path)), 0, 10, 0, 0, cv2.BORDER_REPLICATE)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(np.rot90(image)[..., ::-1].copy()).save(path, exif=exif)  # stored on its side
    faces.change(lambda content: content['images'][1].update(height=image.shape[0]))
    assert not any('EXIF' in text for text in warnings(faces.examine('train')))
