"""Reading images, folders, videos and cameras; saving under their names."""

import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from mmfld.runtime.frame import Frame
from mmfld.runtime.media import CameraSource, ImageSource, ResultWriter, open_source
from mmfld.runtime.video import VideoSource


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)


@pytest.fixture
def video(tmp_path, image):
    path = tmp_path / 'clip.mp4'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 12, (32, 24))
    for _ in range(5):
        writer.write(image)
    writer.release()
    return path


class FakeCamera:
    """cv2.VideoCapture of a camera with four frames that reports no frame rate."""

    def __init__(self, number):
        self.number = number
        self.left = 4
        self.released = False

    def isOpened(self):
        return self.number == 1

    def get(self, property_):
        return 0.0

    def read(self):
        self.left -= 1
        return self.left >= 0, np.full((24, 32, 3), max(self.left, 0), np.uint8)

    def release(self):
        self.released = True


def test_folder_in_the_order_of_names_without_other_files(tmp_path, image):
    for name in ('b.png', 'a.JPG', 'c.bmp'):
        cv2.imwrite(str(tmp_path / name), image)
    (tmp_path / 'notes.txt').write_text('')
    source = open_source(str(tmp_path))
    assert source.names == ('a.JPG', 'b.png', 'c.bmp')
    np.testing.assert_array_equal(list(source)[1].image, image)


def test_list_of_paths_and_arrays(tmp_path, image):
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    frames = list(open_source([image, tmp_path / 'a.png']))
    assert [(frame.path, frame.index) for frame in frames] == [('0000000000.jpg', 0), (str(tmp_path / 'a.png'), 1)]
    np.testing.assert_array_equal(frames[1].image, image)


def test_video_frames_and_rate(video):
    source = open_source(video)
    assert source.is_video and source.fps == 12 and source.name == 'clip'
    frames = list(source)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(5) / 12, atol=1e-4)


def test_camera(monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCamera)
    source = open_source('webcam:1')
    assert source.is_live and source.fps == 25 and source.name == 'webcam_1'
    frames = list(source)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [3, 2, 1, 0]
    times = [frame.time for frame in frames]
    assert times[0] == 0 and times == sorted(times)
    assert source._capture.released


def test_camera_is_released_when_the_reader_stops_early(monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCamera)
    source = CameraSource(1)
    frames = iter(source)
    next(frames)
    frames.close()
    assert source._capture.released


@pytest.mark.parametrize(
    'inputs, error, message',
    [
        ('nowhere', FileNotFoundError, 'nowhere does not exist'),
        (['nowhere.jpg'], FileNotFoundError, 'nowhere.jpg does not exist'),
        ([], ValueError, 'empty sequence'),
        ('ftp://host/clip.mp4', ValueError, 'input: found the URL ftp://host/clip.mp4, expected a file'),
        ('http://host/a.jpg?b=c', ValueError, 'input: found the URL http://host/a.jpg.b=c, expected a file'),
        (['http://host/a.jpg'], ValueError, 'image: found the URL http://host/a.jpg, expected a file'),
        (['.'], ValueError, 'image .: found a folder, expected a file'),
        ('webcam:front', ValueError, 'webcam:front'),
        ('webcam', ValueError, 'webcam:0: OpenCV cannot open this camera'),
    ],
)
def test_unusable_input_is_named(monkeypatch, inputs, error, message):
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCamera)
    with pytest.raises(error, match=message):
        open_source(inputs)


@pytest.mark.parametrize(
    'inputs, message',
    [
        (None, 'image 0: found NoneType'),
        ({}, 'image 0: found dict'),
        ([np.zeros((2, 2), np.uint8), 3], 'image 1: found int'),
        ((n for n in 'ab'), r'inputs: found generator, expected .*: list\(...\) makes one of it'),
    ],
    ids=['none', 'dict', 'list', 'generator'],
)
def test_what_is_no_input_is_named(inputs, message):
    with pytest.raises(TypeError, match=message):
        open_source(inputs)


def test_an_empty_name_is_not_this_folder():
    with pytest.raises(ValueError, match='inputs: found an empty name'):
        open_source('')


def test_pictures_of_pillow_bytes_and_what_is_open(image):
    content = cv2.imencode('.png', image)[1].tobytes()
    for one in (Image.fromarray(image[..., ::-1]), content, io.BytesIO(content), [io.BytesIO(content)]):
        (frame,) = open_source(one)
        np.testing.assert_array_equal(frame.image, image)


def test_a_source_is_one():
    source = open_source(np.zeros((4, 4, 3), np.uint8))
    assert open_source(source) is source


@pytest.mark.parametrize(
    'name, message',
    [
        ('broken.mp4', 'broken.mp4: PyAV cannot open this video'),
        ('notes.txt', "notes.txt: found suffix '.txt'"),
        ('', 'found no image'),
    ],
)
def test_unusable_file_is_named(tmp_path, name, message):
    if name:
        (tmp_path / name).write_bytes(b'no video')
    with pytest.raises(ValueError, match=message):
        open_source(tmp_path / name)


@pytest.mark.parametrize('content', [b'', b'no image'])
def test_unreadable_image_is_named(tmp_path, content):
    (tmp_path / 'broken.png').write_bytes(content)
    with pytest.raises(ValueError, match='broken.png: not an image'):
        list(open_source(tmp_path))


def test_array_that_is_no_image(image):
    with pytest.raises(ValueError, match=r'image 0: found an array of shape \(24, 32, 2\) and type uint8'):
        list(open_source(image[..., :2]))


def test_saves_images_under_their_names(tmp_path, image):
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    source = open_source(tmp_path / 'a.png')
    writer = ResultWriter(source, str(tmp_path / 'vis'), str(tmp_path / 'json'))
    (frame,) = source
    writer.write_picture(frame, image)
    writer.write_instances(frame, [dict(bbox_score=np.float32(0.5))])
    writer.close()
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'vis/a.png')), image)
    assert json.loads((tmp_path / 'json/a.json').read_text()) == [dict(bbox_score=0.5)]


def test_saving_one_result_does_not_look_at_all_names_again(tmp_path, image, monkeypatch):
    source = open_source([image, image])
    writer = ResultWriter(source, str(tmp_path / 'pictures'), str(tmp_path / 'faces'))
    monkeypatch.setattr(ImageSource, 'names', property(lambda self: pytest.fail('looked at all names')))
    frame = Frame(image, '0000000001.jpg', 1)
    writer.write_picture(frame, image)
    writer.write_instances(frame, [])
    assert sorted(path.name for path in tmp_path.glob('*/*')) == ['0000000001.jpg', '0000000001.json']


@pytest.mark.parametrize('vis_out_dir, written', [('out', 'out/clip.mp4'), ('out/named.mp4', 'out/named.mp4')])
def test_saves_a_video_with_its_frame_rate(tmp_path, video, vis_out_dir, written):
    source = open_source(video)
    writer = ResultWriter(source, str(tmp_path / vis_out_dir), str(tmp_path / 'json'))
    for frame in source:
        writer.write_picture(frame, frame.image)
        writer.write_instances(frame, [])
    writer.close()
    saved = VideoSource(tmp_path / written)
    assert saved.fps == 12 and len(list(saved)) == 5
    predictions = json.loads((tmp_path / 'json/clip.json').read_text())
    assert predictions == [dict(frame_id=i, time=pytest.approx(i / 12, abs=1e-4), instances=[]) for i in range(5)]


def test_video_that_changes_its_size(tmp_path, video, image):
    source = open_source(video)
    writer = ResultWriter(source, str(tmp_path / 'out'))
    writer.write_picture(Frame(image, source.path, 0, 0.0, 0.1), image)
    writer.write_picture(Frame(image, source.path, 1, 0.1, 0.1), image[:, :16])
    writer.close()
    assert [frame.image.shape for frame in open_source(tmp_path / 'out/clip.mp4')] == [(24, 32, 3)] * 2


def test_a_json_file_beside_its_image_is_not_overwritten(tmp_path, image):
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    ResultWriter(open_source(tmp_path), pred_out_dir=str(tmp_path))
    (tmp_path / 'a.json').write_text('my annotations')
    with pytest.raises(ValueError, match='a.json lies there beside its image and would be overwritten'):
        ResultWriter(open_source(tmp_path), pred_out_dir=str(tmp_path))
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/a.json').write_text('results of before')
    ResultWriter(open_source(tmp_path), pred_out_dir=str(tmp_path / 'out'))


def test_what_a_folder_has_besides_pictures_is_known(tmp_path, image):
    for name in ('a.png', 'b.JPE', 'c.jfif', 'd.heic', 'e.gif', 'f.avif'):
        (tmp_path / name).write_bytes(cv2.imencode('.png', image)[1].tobytes())
    for name in ('notes.txt', 'film.mp4', '._a.png'):
        (tmp_path / name).write_text('')
    source = open_source(tmp_path)
    assert source.names == ('a.png', 'b.JPE', 'c.jfif', 'd.heic', 'e.gif', 'f.avif')
    assert [path.name for path in source.left_out] == ['film.mp4', 'notes.txt']


def test_inputs_are_not_overwritten(tmp_path, image, video):
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    for name in ('a.png', 'clip.mp4'):
        with pytest.raises(ValueError, match=f'{name} would be overwritten'):
            ResultWriter(open_source(tmp_path / name), str(tmp_path))


def test_two_inputs_under_one_name(tmp_path, image):
    for name in ('a.png', 'a.bmp'):
        cv2.imwrite(str(tmp_path / name), image)
    source = open_source(tmp_path)
    ResultWriter(source, vis_out_dir=str(tmp_path / 'out'))  # pictures keep their suffix
    with pytest.raises(ValueError, match='2 inputs would be saved under the one name a'):
        ResultWriter(source, pred_out_dir=str(tmp_path / 'out'))


def test_images_need_a_folder(tmp_path, image):
    with pytest.raises(ValueError, match='out.png, expected a folder'):
        ResultWriter(open_source(image), str(tmp_path / 'out.png'))


def test_a_video_is_no_other_kind_of_file(tmp_path, video):
    with pytest.raises(ValueError, match=r'out.avi, expected .* a name that ends in .mp4'):
        ResultWriter(open_source(video), str(tmp_path / 'out.avi'))


@pytest.mark.parametrize(
    'error, suffix', [(None, ''), (GeneratorExit, ''), (KeyboardInterrupt, '.part'), (ValueError, '.part')]
)
def test_interrupted_files_do_not_look_complete(tmp_path, video, error, suffix):
    source = open_source(video)
    try:
        with ResultWriter(source, str(tmp_path / 'out'), str(tmp_path / 'out')) as writer:
            frame = next(iter(source))
            writer.write_picture(frame, frame.image)
            writer.write_instances(frame, [])
            if error:
                raise error
    except BaseException as raised:
        assert type(raised) is error
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [f'clip.json{suffix}', f'clip.mp4{suffix}']


def test_an_interrupt_is_how_a_camera_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCamera)
    source = open_source('webcam:1')
    with pytest.raises(KeyboardInterrupt), ResultWriter(source, str(tmp_path)) as writer:
        for frame in source:
            writer.write_picture(frame, frame.image)
            if frame.index == 2:
                raise KeyboardInterrupt
    assert len(list(VideoSource(tmp_path / 'webcam_1.mp4'))) == 3


# --- GIF -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def gif(tmp_path):
    """Red for 0.1 s, green for 0.3 s, blue for 2 s."""
    first, *others = [Image.new('RGB', (32, 24), colour) for colour in ('red', 'lime', 'blue')]
    first.save(tmp_path / 'a.gif', save_all=True, append_images=others, duration=[100, 300, 2000])
    return tmp_path / 'a.gif'


def test_an_animated_gif_is_a_video(gif, tmp_path):
    frames = list(open_source(gif))
    assert [frame.image[3, 3].tolist() for frame in frames] == [[0, 0, 255], [0, 255, 0], [255, 0, 0]]
    assert [(frame.time, frame.duration) for frame in frames] == [(0, 0.1), (0.1, 0.3), (0.4, 2)]
    with ResultWriter(open_source(gif), str(tmp_path / 'out')) as writer:
        for frame in frames:
            writer.write_picture(frame, frame.image)
    saved = list(VideoSource(tmp_path / 'out/a.mp4'))
    np.testing.assert_allclose([frame.time for frame in saved], [0, 0.1, 0.4], atol=1e-4)
    assert saved[-1].duration == pytest.approx(2, abs=1e-3)


def test_a_gif_among_images_is_its_first_frame(gif, tmp_path):
    source = open_source(tmp_path)
    with pytest.warns(UserWarning, match='a.gif: found an animation of 3 frames'):
        (frame,) = source
    assert not source.is_video and frame.image[3, 3].tolist() == [0, 0, 255]
    writer = ResultWriter(source, str(tmp_path / 'out'))
    writer.write_picture(frame, frame.image)
    assert cv2.imread(str(tmp_path / 'out/a.png'))[3, 3].tolist() == [0, 0, 255]


def test_a_gif_of_one_frame_is_an_image(tmp_path):
    Image.new('RGB', (32, 24), 'red').save(tmp_path / 'a.gif')
    assert not open_source(tmp_path / 'a.gif').is_video


def test_a_gif_that_is_cut_off(gif):
    gif.write_bytes(gif.read_bytes()[:-3])
    with pytest.raises(ValueError, match='a.gif: found a GIF that has no end'):
        open_source(gif)
