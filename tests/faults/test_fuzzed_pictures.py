"""Bytes of pictures, changed at random: what is read is the picture, or an error that names the file.

A decoder cannot tell everything: where a format has no checksum, changed bits are another picture. Those are counted,
by format, with the reason. PNG has one, and nothing passes; nor does a file that is cut off, of any format.
"""

import io
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from PIL import Image

from mmfld.runtime import read_image

# why changed bits may be another picture, of which no decoder gives a sign
WITHOUT_SIGN = dict(
    bmp='no checksum',
    tiff='no checksum',
    gif='no checksum: other indices of colours, other colours',
    webp='no checksum: bits of an arithmetic coder always mean something',
    jpg='no checksum: as many blocks as before, or what mmfld.runtime.jpeg says it cannot see',
)
ENCODERS = dict(jpg=dict(quality=90), png={}, webp=dict(quality=90), bmp={}, tiff={}, gif={})
OTHER = 12  # mean difference of pixels, of 255, from which on it is another picture
CHECKED = ('cut', 'renamed', 'garbage')  # changes that must never pass for the picture with other pixels


@pytest.fixture(scope='module')
def pictures():
    """By suffix, pixels as they are stored and the bytes of the file."""
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((64, 48), Image.Resampling.BICUBIC)
    files = {}
    for suffix, options in ENCODERS.items():
        content = io.BytesIO()
        image.save(content, {'jpg': 'jpeg'}.get(suffix, suffix), **options)
        files[suffix] = read_image(content.getvalue()), content.getvalue()
    return files


def flipped(content, rng, files):
    content = bytearray(content)
    for at in rng.integers(0, len(content), rng.integers(1, 9)):
        content[at] ^= 1 << rng.integers(8)
    return bytes(content)


def overwritten(content, rng, files):
    at, size = int(rng.integers(len(content))), int(rng.integers(16, 512))
    return content[:at] + rng.bytes(min(size, len(content) - at)) + content[at + size :]


def lacking(content, rng, files):
    at, size = int(rng.integers(len(content))), int(rng.integers(1, 256))
    return content[:at] + content[at + size :]


def cut(content, rng, files):
    return content[: int(rng.integers(len(content)))]


def swapped(content, rng, files):
    """With the first bytes of another format."""
    other = files[str(rng.choice(list(files)))][1]
    size = int(rng.integers(2, 64))
    return other[:size] + content[size:]


def renamed(content, rng, files):
    return content  # under a wrong suffix, which says nothing of what is in a file


def garbage(content, rng, files):
    return rng.bytes(int(rng.integers(0, 300)))


CHANGES = (flipped, overwritten, lacking, cut, swapped, renamed, garbage)


def kind(content):
    """The format that the first bytes tell of, which is what decoders go by."""
    heads = dict(bmp=b'BM', gif=b'GIF8', jpg=b'\xff\xd8', png=b'\x89PNG', tiff=b'II*\0', webp=b'RIFF')
    return next((name for name, head in heads.items() if content.startswith(head)), 'none')


def outcome(path, true):
    """What comes of a file: right, error, or how it is silent."""
    try:
        found = read_image(path)
    except (ValueError, FileNotFoundError) as error:
        assert str(error).startswith(f'{path}: '), f'an error that does not name the file: {error}'
        assert '\n' not in str(error).strip() and len(re.sub(re.escape(str(path)), '', str(error))) < 300
        return 'error'
    assert found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3
    if found.shape != true.shape:
        return 'of another size'
    off = np.abs(found.astype(int) - true).mean()
    return 'right' if off < OTHER else 'another picture'


def test_changed_bytes_are_the_picture_or_an_error(pictures, tmp_path, request):
    rng = np.random.default_rng(0)
    rounds = 200 if request.config.getoption('--long', False) else 12
    counts = defaultdict(Counter)
    wrong = []
    for number in range(rounds):
        for suffix, (true, content) in pictures.items():
            for change in CHANGES:
                name = change.__name__
                written = suffix if change is not renamed else str(rng.choice(list(pictures)))
                path = tmp_path / f'{name}_{number}.{written}'
                changed = change(content, rng, pictures)
                path.write_bytes(changed)
                result = outcome(path, true)
                if result not in ('right', 'error'):
                    if kind(changed) in WITHOUT_SIGN and name not in CHECKED:
                        result = f'not detectable ({result})'
                    else:
                        wrong.append((path.name, kind(changed), result))
                        result = 'silent'
                counts[kind(changed)][result] += 1
                path.unlink()
    total = sum(counts.values(), Counter())
    print(f'\n{total.total()} inputs, ' + ', '.join(f'{name}: {total[name]}' for name in sorted({*total, 'silent'})))
    for name, results in sorted(counts.items()):
        print(f'  {name}: {dict(sorted(results.items()))} {WITHOUT_SIGN.get(name, "")}')
    assert not wrong, wrong
    assert total.total() >= 300
    assert total['right'] >= rounds * len(pictures)  # at least those that were renamed alone
