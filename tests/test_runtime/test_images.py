"""Whatever has one meaning as an image is one."""
import cv2
import numpy as np
import pytest
from PIL import Image

from mmfld.runtime import read_image


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


def test_files(image, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    np.testing.assert_array_equal(read_image(tmp_path / 'a.png'), image)
    np.testing.assert_array_equal(read_image(str(tmp_path / 'a.png')), image)


@pytest.mark.parametrize('array', [np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8),
                                   np.zeros((2, 4, 4, 3), np.uint8)], ids=str)
def test_other_arrays_are_named(array):
    with pytest.raises(ValueError, match='found an array of shape .* and type .*, expected'):
        read_image(array)


def test_other_things_are_named():
    with pytest.raises(TypeError, match='found bytes, expected a file name, an array or a picture of Pillow'):
        read_image(b'')


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
    (tmp_path / 'cut.jpg').write_bytes(content[:int(part * len(content))])
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
