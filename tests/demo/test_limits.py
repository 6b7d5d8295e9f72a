"""Uploads that are too large, or nothing that can be read, are told in one sentence before they are decoded."""

import struct
import zlib

import av
import numpy as np
import pytest

from mmfld.demo.limits import Limits


def png_header(width, height):
    """The first bytes of a PNG: it says how large it is, and has no pixels."""
    chunk = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + chunk + struct.pack('>I', zlib.crc32(chunk))


def write_video(path, frames, side=32):
    with av.open(str(path), 'w') as output:
        stream = output.add_stream('mpeg4', 10)
        stream.width = stream.height = side
        stream.pix_fmt = 'yuv420p'
        for _ in range(frames):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((side, side, 3), np.uint8), 'bgr24')))
        output.mux(stream.encode())


def test_a_picture_within_the_limits_passes(upload):
    Limits(megapixels=0.09).check_picture(upload.read_bytes(), 'a.png')


def test_the_pixels_of_a_picture_are_bounded(upload):
    with pytest.raises(ValueError, match=r'^a.png: found 300 x 300 pixels, expected at most 0.08 million'):
        Limits(megapixels=0.08).check_picture(upload.read_bytes(), 'a.png')


@pytest.mark.parametrize('side', [6000, 60000])  # the second beyond what Pillow opens
def test_a_bomb_is_refused_by_its_header(side):
    with pytest.raises(ValueError, match=r'^a.png: '):
        Limits().check_picture(png_header(side, side), 'a.png')


def test_the_bytes_of_a_picture_are_bounded():
    with pytest.raises(ValueError, match='^a.png: found 2.0 MB, expected at most 1$'):
        Limits(megabytes=1).check_picture(bytes(2 * 10**6), 'a.png')


@pytest.mark.parametrize('content', [b'', b'no picture', b'\xff\xd8\xff'])
def test_what_is_no_picture_is_refused(content):
    with pytest.raises(ValueError, match=f'^a.png: found {len(content)} bytes of no picture that Pillow knows'):
        Limits().check_picture(content, 'a.png')


def test_videos_are_bounded_in_bytes_pixels_and_time(tmp_path):
    path = tmp_path / 'clip.mp4'
    write_video(path, frames=20)
    Limits(seconds=2).check_video(path)
    for limits, sentence in (
        (Limits(seconds=1.5), 'clip.mp4: found a video of 2.0 s, expected at most 1.5: cut it'),
        (Limits(megapixels=0.001), 'clip.mp4: found 32 x 32 pixels, expected at most 0.001 million: make it smaller'),
        (Limits(megabytes=0.001), f'clip.mp4: found {path.stat().st_size / 1e6:.1f} MB, expected at most 0.001'),
    ):
        with pytest.raises(ValueError) as error:
            limits.check_video(path)
        assert str(error.value) == sentence


def test_what_is_no_video_is_refused(tmp_path):
    path = tmp_path / 'clip.mp4'
    path.write_text('no video')
    with pytest.raises(ValueError, match='^clip.mp4: PyAV cannot open this video'):
        Limits().check_video(path)


def test_an_upload_that_has_been_deleted_is_asked_for_again(tmp_path):
    with pytest.raises(FileNotFoundError, match='^clip.mp4: uploads are deleted after 10 minutes: choose it again$'):
        Limits().check_video(tmp_path / 'clip.mp4')


@pytest.mark.parametrize('value', [0, -1, float('nan')])
def test_a_limit_without_meaning_is_an_error(value):
    with pytest.raises(ValueError, match=f'^found megapixels={value!r}, expected a number above 0$'):
        Limits(megapixels=value)
