"""Whatever has one meaning as an image is one."""

import io
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
import torch
from PIL import Image

from mmfld.runtime import read_image
from mmfld.runtime.pages import count_pages


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def test_arrays(image):
    assert read_image(image) is image or (read_image(image) == image).all()
    grey = image[..., 0]
    for array in (grey, grey[..., None]):
        np.testing.assert_array_equal(read_image(array), np.repeat(grey[..., None], 3, axis=2))
    np.testing.assert_array_equal(read_image(np.dstack([image, grey])), image)
    np.testing.assert_array_equal(read_image(image.astype(np.uint16) * 257), image)


def test_pictures_of_pillow(image):
    picture = Image.fromarray(image[..., ::-1])
    np.testing.assert_array_equal(read_image(picture), image)
    exif = picture.getexif()
    exif[0x0112] = 6  # turned clockwise to be upright
    np.testing.assert_array_equal(read_image(picture), np.rot90(image, -1))


@pytest.mark.parametrize('dtype', [np.uint16, np.int32])
def test_pictures_of_pillow_of_16_bit(image, dtype):
    grey = image[..., 0]
    picture = Image.fromarray(grey.astype(dtype) * 257)
    np.testing.assert_array_equal(read_image(picture), np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize('suffix', ['avif', 'gif', 'heic', 'jpg', 'png', 'tiff', 'webp'])
def test_formats_are_the_right_way_up(tmp_path, suffix):
    """A red corner, turned by what the file says of the camera."""
    pillow_heif.register_heif_opener()
    corner = np.zeros((48, 64, 3), np.uint8)
    corner[:24, :32, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(corner).save(tmp_path / f'a.{suffix}', **({} if suffix == 'gif' else dict(exif=exif.tobytes())))
    expected = corner[..., ::-1] if suffix == 'gif' else np.rot90(corner[..., ::-1], -1)
    found = read_image(tmp_path / f'a.{suffix}')
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 4


def test_alpha_and_16_bit_in_files(image, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.dstack([image, image[..., 0]]).astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(tmp_path / 'a.png'), image)
    Image.fromarray(np.dstack([image[..., ::-1], image[..., 0]])).save(tmp_path / 'a.webp', lossless=True, exact=True)
    np.testing.assert_array_equal(read_image(tmp_path / 'a.webp'), image)


@pytest.mark.parametrize('suffix', ['avif', 'gif', 'heic', 'webp'])
def test_files_of_pillow_that_are_cut_off(image, tmp_path, suffix):
    pillow_heif.register_heif_opener()
    content = io.BytesIO()
    Image.fromarray(image).save(content, 'heif' if suffix == 'heic' else suffix)
    (tmp_path / f'a.{suffix}').write_bytes(content.getvalue()[:-30])
    with pytest.raises(ValueError, match=f'a.{suffix}: not a complete image that Pillow can read'):
        read_image(tmp_path / f'a.{suffix}')


def test_what_is_missing_for_heic(image, tmp_path, monkeypatch):
    pillow_heif.from_pillow(Image.fromarray(image)).save(tmp_path / 'a.heic')
    monkeypatch.setitem(sys.modules, 'pillow_heif', None)
    with pytest.raises(ImportError, match='a.heic: HEIC needs pillow-heif, .*: run `pip install pillow-heif`'):
        read_image(tmp_path / 'a.heic')


def test_what_is_missing_for_avif(image, tmp_path, monkeypatch):
    Image.fromarray(image).save(tmp_path / 'a.avif')
    monkeypatch.setattr(Image, 'registered_extensions', dict)
    with pytest.raises(ImportError, match='a.avif: AVIF needs Pillow 11.3 or newer, found .*`pip install -U pillow`'):
        read_image(tmp_path / 'a.avif')


def test_files(image, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    np.testing.assert_array_equal(read_image(tmp_path / 'a.png'), image)
    np.testing.assert_array_equal(read_image(str(tmp_path / 'a.png')), image)


@pytest.mark.parametrize(
    'array',
    [
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
    ],
    ids=str,
)
def test_other_arrays_are_named(array):
    with pytest.raises(ValueError, match='found an array of shape .* and type .*, expected'):
        read_image(array)


@pytest.mark.parametrize(
    'thing, name',
    [
        (None, 'NoneType'),
        (3, 'int'),
        (io.StringIO(), 'a file opened as text'),
        (io.BytesIO, 'type'),
        ([[1]], 'list'),
        ((n for n in 'a'), 'generator'),
        (torch.zeros(3, 4, 4), 'a Tensor of torch, whose order of axes and colours is not known'),
    ],
    ids=['none', 'number', 'text', 'class', 'list', 'generator', 'tensor'],
)
def test_other_things_are_named(thing, name):
    with pytest.raises(
        TypeError,
        match=f'image: found {name}, expected a file name, the bytes of a file, a file '
        'opened in binary mode, an array or a picture of Pillow',
    ):
        read_image(thing)


def test_the_bytes_of_a_file(image, tmp_path):
    content = cv2.imencode('.png', image)[1].tobytes()
    np.testing.assert_array_equal(read_image(content), image)
    with pytest.raises(ValueError, match='image: not an image that OpenCV can read'):
        read_image(content[:9])


def test_what_is_open_for_reading_is_read_from_its_start(image, tmp_path):
    content = cv2.imencode('.png', image)[1].tobytes()
    (tmp_path / 'a.png').write_bytes(content)
    written = io.BytesIO()
    written.write(content)
    with open(tmp_path / 'a.png', 'rb') as file:
        for stream in (io.BytesIO(content), written, file, file):
            np.testing.assert_array_equal(read_image(stream), image)
    np.testing.assert_array_equal(read_image(memoryview(content)), image)
    with open(tmp_path / 'a.png') as text, pytest.raises(TypeError, match="opened as text, .*: open.*'rb'"):
        read_image(text)


@pytest.mark.parametrize(
    'url',
    [
        'http://host/a.jpg',
        'https://host/a.jpg',
        'file:///a.jpg',
        's3://bucket/a.jpg',
        'data:image/png;base64,iVBORw0KGgo=',
    ],
)
@pytest.mark.parametrize('kind', [str, Path])
def test_a_url_is_not_downloaded(url, kind):
    with pytest.raises(ValueError, match=f'image: found the URL {url[:4]}.*, expected a file: nothing is downloaded'):
        read_image(kind(url))


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(ValueError, match=f'image {tmp_path}: found a folder, expected a file'):
        read_image(tmp_path)


# --- several pictures in a file --------------------------------------------------------------------------------------


def several(path, count=3, **options):
    first, *others = [Image.new('RGB', (32, 24), (80 * n, 0, 0)) for n in range(count)]
    first.save(path, save_all=True, append_images=others, **options)
    return path


@pytest.mark.parametrize('options', [{}, dict(compression='tiff_lzw')], ids=str)
def test_a_tiff_of_several_pages_is_no_picture(tmp_path, options):
    with pytest.raises(ValueError, match='a.tiff: found a TIFF of 3 pages, expected one picture: save each as a file'):
        read_image(several(tmp_path / 'a.tiff', **options))
    with Image.open(tmp_path / 'a.tiff') as pages:
        pages.seek(2)
        assert read_image(pages)[0, 0].tolist() == [0, 0, 160]
    assert read_image(several(tmp_path / 'b.tiff', 1)).shape == (24, 32, 3)


@pytest.mark.parametrize('order', '<>')
def test_a_smaller_version_in_a_tiff_is_no_page(order):
    def page(next_page, subfile):
        return struct.pack(f'{order}HHHIII', 1, 254, 4, 1, subfile, next_page)

    head = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(f'{order}I', 8)
    size = len(page(0, 0))
    for subfiles, pages in (([0, 1], 1), ([0, 2], 2), ([1, 0, 0], 2), ([0], 1)):
        ends = [8 + size * (n + 1) for n in range(len(subfiles) - 1)] + [0]
        assert count_pages(head + b''.join(page(end, subfile) for end, subfile in zip(ends, subfiles))) == pages
    assert count_pages(head + page(8, 0)) == 1  # pages in a ring
    assert count_pages(head + page(9999, 0)) == 1  # one that is not there
    assert count_pages(head) == count_pages(b'') == 1


@pytest.mark.parametrize('suffix', ['avif', 'gif', 'png', 'webp'])
def test_of_an_animation_the_first_frame_is_taken_with_a_warning(tmp_path, suffix):
    with pytest.warns(UserWarning, match=f'a.{suffix}: found an animation of (3|several) frames, of which the first'):
        found = read_image(several(tmp_path / f'a.{suffix}'))
    assert found.shape == (24, 32, 3) and found.max() < 20


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('suffix', ['avif', 'gif', 'png', 'tiff', 'webp'])
def test_one_picture_is_no_animation(tmp_path, suffix):
    assert read_image(several(tmp_path / f'a.{suffix}', 1)).shape == (24, 32, 3)


@pytest.mark.parametrize('largest, message', [(1, None), (255, 'a.tiff: found floats from .* to 2.*, expected 0 to 1')])
def test_floats_in_files(image, tmp_path, largest, message):
    """OpenCV would make white of those in 0..255."""
    image[0, 0] = 255
    cv2.imwrite(str(tmp_path / 'a.tiff'), (image / 255 * largest).astype(np.float32))  # with a loss
    if message is None:
        assert np.abs(read_image(tmp_path / 'a.tiff').astype(int) - image).max() < 8
    else:
        with pytest.raises(ValueError, match=message):
            read_image(tmp_path / 'a.tiff')


def test_8_bit_in_16_is_no_black_picture(image, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), image.astype(np.uint16))
    with pytest.raises(ValueError, match='a.png: found 16-bit values up to 255, expected up to 65535'):
        read_image(tmp_path / 'a.png')


@pytest.mark.parametrize('shape', [(2, 32767, 3), (32767, 2)], ids=str)
def test_a_side_that_opencv_cannot_sample(tmp_path, shape):
    message = f'found {shape[1]} x {shape[0]} pixels, expected sides of at most 32766'
    with pytest.raises(ValueError, match=message):
        read_image(np.zeros(shape, np.uint8))
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match=f'a.png: {message}'):
        read_image(tmp_path / 'a.png')


def test_files_that_are_no_images(tmp_path):
    with pytest.raises(FileNotFoundError, match='missing.png does not exist'):
        read_image(tmp_path / 'missing.png')
    (tmp_path / 'empty.jpg').write_bytes(b'')
    with pytest.raises(ValueError, match='empty.jpg: not an image'):
        read_image(tmp_path / 'empty.jpg')


@pytest.mark.parametrize('part', [0.3, 0.9, 0.999])
def test_a_jpeg_that_is_cut_off_is_no_image(image, tmp_path, part):
    content = cv2.imencode('.jpg', image)[1].tobytes()
    (tmp_path / 'whole.jpg').write_bytes(content + b'what cameras append')
    assert read_image(tmp_path / 'whole.jpg').shape == image.shape
    (tmp_path / 'cut.jpg').write_bytes(content[: int(part * len(content))])
    with pytest.raises(ValueError, match='cut.jpg: found .* bytes of a JPEG that has no end'):
        read_image(tmp_path / 'cut.jpg')


def test_a_cut_jpeg_with_a_whole_thumbnail(image, tmp_path):
    """The end marker of the small picture in the header is not the end of the file."""
    small, whole = (cv2.imencode('.jpg', picture)[1].tobytes() for picture in (image[:8, :8], image))
    header = b'\xff\xe1' + (len(small) + 2).to_bytes(2, 'big') + small
    (tmp_path / 'a.jpg').write_bytes(whole[:2] + header + whole[2:])
    assert read_image(tmp_path / 'a.jpg').shape == image.shape
    (tmp_path / 'a.jpg').write_bytes(whole[:2] + header + whole[2:-20])
    with pytest.raises(ValueError, match='has no end'):
        read_image(tmp_path / 'a.jpg')


def test_a_picture_of_too_many_pixels_is_an_error_that_names_it(tmp_path, monkeypatch):
    Image.new('RGB', (40, 30)).save(tmp_path / 'big.webp')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 500)
    with pytest.raises(ValueError, match='big.webp: not a complete image that Pillow can read .DecompressionBombError'):
        read_image(tmp_path / 'big.webp')


def test_bytes_between_the_parts_of_a_jpeg_are_skipped(tmp_path):
    content = cv2.imencode('.jpg', np.full((20, 30, 3), 90, np.uint8))[1].tobytes()
    at = content.index(b'\xff\xdb')  # a table
    (tmp_path / 'odd.jpg').write_bytes(content[:at] + b'\x01\x02' + content[at:])
    assert read_image(tmp_path / 'odd.jpg').shape == (20, 30, 3)
    (tmp_path / 'cut.jpg').write_bytes(content[:at] + b'\x01\x02' + content[at:-2])
    with pytest.raises(ValueError, match='cut.jpg: .* has no end'):
        read_image(tmp_path / 'cut.jpg')


def test_a_picture_of_floats_has_no_known_range():
    with pytest.raises(ValueError, match='a picture of floats'):
        read_image(Image.new('F', (4, 4)))


def test_either_order_of_bytes_is_the_same_image():
    image = np.random.default_rng(0).integers(0, 2**16, (5, 7, 3), dtype=np.uint16)
    np.testing.assert_array_equal(read_image(image.astype('>u2')), read_image(image.astype('<u2')))


@pytest.mark.parametrize('suffix', ['webp', 'avif', 'jp2'])
def test_an_image_whose_end_is_zeros_is_an_error(tmp_path, suffix):
    """As of a download that was broken off; decoders take the beginning, and make up the rest."""
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8), (120, 90))
    path = tmp_path / f'a.{suffix}'
    if suffix == 'avif':
        pillow = pytest.importorskip('PIL.Image')
        if '.avif' not in pillow.registered_extensions():
            pytest.skip('this Pillow writes no AVIF')
        pillow.fromarray(image[..., ::-1]).save(path)
    elif not cv2.imwrite(str(path), image):
        pytest.skip(f'this OpenCV writes no {suffix}')
    content = path.read_bytes()
    assert read_image(content).shape == image.shape
    size = len(content) * 3 // 4
    with pytest.raises(ValueError, match='zeros at the end|has no end|not a complete image'):
        read_image(content[:size] + bytes(len(content) - size))
