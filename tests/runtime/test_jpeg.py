"""A JPEG whose bits were changed gives itself away by the number of blocks that they make."""

import io

import numpy as np
import pytest
from PIL import Image

from mmfld.runtime.images import decode_image
from mmfld.runtime.jpeg import SCAN, damage

ENCODERS = dict(
    plain=dict(quality=90),
    grey=dict(quality=90),
    coarse=dict(quality=20, subsampling='4:2:2'),
    optimised=dict(optimize=True),
    progressive=dict(progressive=True),
    intervals=dict(restart_marker_rows=1),
    both=dict(progressive=True, restart_marker_blocks=3),
)


def picture(width=64, height=48, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def encode(image, name='plain'):
    content = io.BytesIO()
    image.convert('L' if name == 'grey' else 'RGB').save(content, 'jpeg', **ENCODERS[name])
    return content.getvalue()


def bits(content):
    """Where those of the picture begin."""
    at = content.rindex(bytes([0xFF, SCAN]))
    return at + 2 + int.from_bytes(content[at + 2 : at + 4], 'big')


@pytest.mark.parametrize('name', ENCODERS)
@pytest.mark.parametrize('size', [(1, 1), (7, 30), (64, 48), (65, 17)], ids=str)
def test_whole_pictures_have_no_damage(name, size):
    for image in (picture(*size), Image.new('RGB', size), Image.new('RGB', size, (128, 128, 128))):
        assert damage(encode(image, name)) is None


def test_a_picture_that_ends_in_the_grey_of_missing_blocks_has_no_damage():
    image = picture()
    image.paste((128, 128, 128), (0, 24, 64, 48))
    assert damage(encode(image)) is None


def test_what_cameras_append_is_no_damage():
    assert damage(encode(picture()) + b'\xff\xd8 a small picture') is None


@pytest.mark.parametrize('name', ['plain', 'grey', 'coarse', 'progressive', 'intervals'])
def test_bits_that_are_missing(name):
    content = encode(picture(256, 192), name)
    middle = (bits(content) + len(content)) // 2
    reason = damage(content[: middle - 150] + content[middle + 150 :])
    assert reason == (
        'is damaged: the marker FF D6 is among the bits of its picture'
        if name == 'intervals'
        else 'is damaged: its bits do not make the whole of its picture'
    )


def test_bits_that_are_too_many():
    content = encode(picture())
    middle = (bits(content) + len(content)) // 2
    assert damage(content[:middle] + content[middle - 60 :]) == 'is damaged: its bits make more than its picture'


@pytest.mark.parametrize('name', ['plain', 'progressive'])
def test_a_marker_among_the_bits(name):
    content = encode(picture(), name)
    at = bits(content) + 20
    assert damage(content[:at] + b'\xff\x3c' + content[at + 2 :]) == (
        'is damaged: the marker FF 3C is among the bits of its picture'
    )


def test_an_interval_that_is_missing():
    content = encode(picture(), 'intervals')
    second, third = (content.index(bytes([0xFF, 0xD0 + n])) for n in (0, 1))
    assert damage(content[:second] + content[third:]) == 'is damaged: the marker FF D1 is among the bits of its picture'


def test_most_changes_of_one_block_of_a_disk_are_noticed():
    """512 bytes in the middle, of 40 pictures; what is left makes as many blocks as before."""
    rng = np.random.default_rng(0)
    noticed = 0
    for seed in range(40):
        content = encode(picture(256, 192, seed).effect_spread(4))
        at = int(rng.integers(bits(content), len(content) - 600))
        noticed += damage(content[:at] + rng.bytes(512) + content[at + 512 :]) is not None
    assert noticed >= 36


def test_the_error_names_the_file():
    content = encode(picture())
    with pytest.raises(ValueError, match='a.jpg: found .* bytes of a JPEG that is damaged: the marker FF 01 is among'):
        decode_image(content[:-30] + b'\xff\x01' + content[-28:], 'a.jpg')


@pytest.mark.parametrize('name', ['progressive', 'both'])
def test_a_progressive_picture_with_an_end_but_not_all_scans_is_cut_off(name):
    content = encode(picture(), name)
    scans = [at for at in range(len(content) - 1) if content[at : at + 2] == bytes([0xFF, SCAN])]
    assert len(scans) > 5
    tables = [at for at in range(scans[-2], scans[-1]) if content[at : at + 2] == b'\xff\xc4'] or [scans[-1]]
    assert damage(content[: tables[-1]] + b'\xff\xd9') == 'is cut off: it lacks scans'
    for start in scans[1:]:
        assert 'cut off' in damage(content[:start] + b'\xff\xd9')
