"""Videos as players show them, and as browsers play them."""

import struct
import sys
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest

from mmfld.runtime.video import VideoSource, VideoWriter, _Numbers

RATE = 8000  # of sound


def make(path, times, sound=None, size=(32, 24)):
    """A video with a white frame at 0.5 s, else black, and optionally a tone from 0.5 s on."""
    with av.open(str(path), 'w', options={'movflags': 'faststart'}) as output:
        video = output.add_stream('mjpeg', 25)
        video.width, video.height, video.pix_fmt = *size, 'yuvj420p'
        video.codec_context.time_base = Fraction(1, 1000)
        audio = output.add_stream(sound, RATE, layout='mono') if sound else None
        for time in times:
            image = np.full((size[1], size[0], 3), 255 * (time == 0.5), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, 'bgr24')
            frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
            output.mux(video.encode(frame))
        output.mux(video.encode())
        if audio:
            seconds = np.arange(RATE) / RATE
            tone = np.where(seconds < 0.5, 0, 20000 * np.sin(2000 * np.pi * seconds)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(tone[None], 's16', 'mono')
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            output.mux(audio.encode(frame))
            output.mux(audio.encode())
    return path


def rewrite(source, path):
    writer = None
    for frame in source:
        writer = writer or VideoWriter(path, *frame.image.shape[1::-1], source)
        writer.write(frame.image, frame.time, frame.duration)
    writer.close()
    return path


def test_codec_size_and_times(tmp_path):
    times = [0, 0.1, 0.15, 0.5, 0.6, 1.6]
    source = VideoSource(make(tmp_path / 'a.mkv', times))
    np.testing.assert_allclose([frame.time for frame in source], times, atol=1e-6)
    path = tmp_path / 'out'
    writer = VideoWriter(path, 31, 23, source)
    for frame in source:
        writer.write(frame.image[:23, :31], frame.time, 0.25)
    writer.close()
    content = path.read_bytes()
    assert content.index(b'moov') < content.index(b'mdat')  # plays while it loads
    with av.open(str(path)) as saved:
        (stream,) = saved.streams
        assert (stream.codec_context.name, stream.pix_fmt, stream.width, stream.height) == ('h264', 'yuv420p', 32, 24)
        frames = list(saved.decode(stream))
    np.testing.assert_allclose([frame.time for frame in frames], times, atol=1e-3)
    assert float(frames[-1].duration * frames[-1].time_base) == pytest.approx(0.25, abs=1e-3)
    np.testing.assert_array_equal(np.argmax([frame.to_ndarray(format='gray').mean() for frame in frames]), 3)


@pytest.mark.parametrize(
    'name, sound, saved',
    [('a.mov', 'aac', 'aac'), ('a.mkv', 'flac', 'flac'), ('a.mov', 'pcm_s16le', 'aac'), ('a.avi', 'mp3', 'aac')],
)
def test_sound_stays_in_time(tmp_path, name, sound, saved):
    times = [round(0.04 * n, 2) for n in range(26)]
    times[12] = 0.5
    source = VideoSource(make(tmp_path / name, times, sound))
    with av.open(str(rewrite(source, tmp_path / 'out.mp4'))) as output:
        video, audio = output.streams
        assert audio.codec_context.codec.canonical_name == saved
        shown = {frame.time: frame.to_ndarray(format='gray').mean() for frame in output.decode(video)}
        output.seek(0)
        heard = [
            (frame.time + n / frame.sample_rate, abs(value))
            for frame in output.decode(audio)
            for n, value in enumerate(frame.to_ndarray()[0])
        ]
    beep = next(time for time, value in heard if value > 0.3)
    assert beep == pytest.approx(max(shown, key=shown.get), abs=0.03)
    assert heard[-1][0] == pytest.approx(1, abs=0.15)  # codecs fill up their last packet


def test_colours(tmp_path):
    source = VideoSource(make(tmp_path / 'a.mkv', [0, 0.1]))
    colours = np.array([(200, 60, 30), (20, 200, 90)], np.uint8)
    writer = VideoWriter(tmp_path / 'out.mp4', 32, 24, source)
    for index, colour in enumerate(colours):
        writer.write(np.tile(colour, (24, 32, 1)), index / 10, 0.1)
    writer.close()
    found = np.array([frame.image[12, 16] for frame in VideoSource(tmp_path / 'out.mp4')])
    assert np.abs(found.astype(int) - colours).max() <= 4


def test_a_phone_that_was_held_upright(tmp_path):
    """The matrix that phones write: turned clockwise by 90 degrees."""
    source = VideoSource(make(tmp_path / 'a.mkv', [0, 0.1]))
    image = np.zeros((24, 32, 3), np.uint8)
    image[:12, :16] = 255
    writer = VideoWriter(tmp_path / 'a.mp4', 32, 24, source)
    writer.write(image, 0, 0.1)
    writer.close()
    content = (tmp_path / 'a.mp4').read_bytes()
    at = content.index(b'tkhd') + 44
    assert struct.unpack('>9i', content[at : at + 36]) == (65536, 0, 0, 0, 65536, 0, 0, 0, 2**30)
    matrix = struct.pack('>9i', 0, 65536, 0, -65536, 0, 0, 0, 0, 2**30)
    (tmp_path / 'a.mp4').write_bytes(content[:at] + matrix + content[at + 36 :])
    (frame,) = VideoSource(tmp_path / 'a.mp4')
    assert frame.image.shape == (32, 24, 3)
    assert np.abs(frame.image.astype(int) - np.rot90(image, -1)).mean() < 8


@pytest.mark.parametrize('name', ['a.mkv', 'a.mov'])
@pytest.mark.parametrize('part', [0.5, 0.8])
def test_a_video_that_is_cut_off(tmp_path, name, part):
    """What is there is whole, and what is missing is told."""
    path = make(tmp_path / name, [round(0.1 * n, 1) for n in range(30)])
    content = path.read_bytes()
    path.write_bytes(content[: round(part * len(content))])
    source = VideoSource(path, strict=False)
    frames = list(source)
    assert 0 < len(frames) < 30
    for frame in frames:
        assert np.abs(frame.image.astype(int) - 255 * (frame.index == 5)).mean() < 8
    ((name, reason),) = source.broken
    assert name == str(path) and f'{path}: ' in reason and 'cut off: found ' in reason
    with pytest.raises(ValueError, match='cut off: found .* s of 2.94 s'):
        list(VideoSource(path))


def test_whole_videos_are_not_broken(tmp_path):
    for name, sound in (('a.mkv', None), ('a.mov', 'aac'), ('a.avi', 'pcm_s16le')):
        times = [round(0.04 * n, 2) for n in range(25)]
        assert len(list(VideoSource(make(tmp_path / name, times, sound)))) == 25


@pytest.mark.parametrize('name', ['a.mkv', 'a.webm'])
def test_a_whole_video_whose_clock_does_not_start_at_zero_is_not_cut_off(tmp_path, name):
    times = [5 + 0.04 * n for n in range(60)]
    source = VideoSource(make(tmp_path / name, times) if name == 'a.mkv' else encode_late(tmp_path / name, times))
    np.testing.assert_allclose([frame.time for frame in source], np.array(times) - 5, atol=1e-3)
    assert not source.broken


def encode_late(path, times):
    with av.open(str(path), 'w') as output:
        video = output.add_stream('libvpx', 25)
        video.width, video.height, video.pix_fmt = 32, 24, 'yuv420p'
        video.codec_context.time_base = Fraction(1, 1000)
        for time in times:
            frame = av.VideoFrame.from_ndarray(np.zeros((24, 32, 3), np.uint8), 'bgr24')
            frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
            output.mux(video.encode(frame))
        output.mux(video.encode())
    return path


def encode(path, codec='mpeg4', count=12, container={}, **options):
    """Frames that are brighter by 10 from one to the next; where the packet of each is in the file."""
    with av.open(str(path), 'w', options=container) as output:
        video = output.add_stream(codec, 25, options=options)
        video.width, video.height, video.pix_fmt = 32, 24, 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        for n in range(count):
            image = np.full((24, 32, 3), 20 + 10 * n, np.uint8)
            output.mux(video.encode(av.VideoFrame.from_ndarray(image, 'bgr24')))
        output.mux(video.encode())
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux() if packet.size]


@pytest.mark.parametrize('name', ['a.mp4', 'a.mov'])
def test_frames_behind_one_that_is_lost_keep_their_numbers(tmp_path, name):
    path = tmp_path / name
    at, size = encode(path, 'libx264', g='1')[5]
    content = bytearray(path.read_bytes())
    content[at : at + size] = bytes(size)
    path.write_bytes(content)
    source = VideoSource(path, strict=False)
    frames = list(source)
    assert [frame.index for frame in frames] == [n for n in range(12) if n != 5]
    for frame in frames:
        assert np.abs(frame.image.astype(int) - (20 + 10 * frame.index)).mean() < 4
        assert frame.time == pytest.approx(frame.index / 25, abs=0.001)
    assert source.broken == [
        (
            str(path),
            f'{path}: 11 frames read of 12 that it announces; 1 of its packets cannot be decoded, 1 frame in its '
            'middle is missing',
        )
    ]


def damaged(path, codec, first, end, value=0, **options):
    """A video of 12 frames, some of whose packets are overwritten."""
    places = encode(path, codec, **options)
    content = bytearray(path.read_bytes())
    start, stop = places[first][0] - 8 * (path.suffix == '.avi'), sum(places[end - 1])  # with the headers
    content[start:stop] = bytes([value]) * (stop - start)
    path.write_bytes(content)
    return VideoSource(path, strict=False)


@pytest.mark.parametrize('value', [0, 255])
@pytest.mark.parametrize('name, codec', [('a.mkv', 'mpeg4'), ('a.webm', 'libvpx')])
def test_frames_between_the_packets_that_are_left_in_matroska_are_counted(tmp_path, name, codec, value):
    source = damaged(tmp_path / name, codec, 4, 8, value, g='1', container=dict(cluster_time_limit='80'))
    frames = list(source)
    for frame in frames:
        assert np.abs(frame.image.astype(int) - (20 + 10 * frame.index)).mean() < 8
        assert frame.time == pytest.approx(frame.index / 25, abs=0.001)
    lost = 12 - len(frames)
    assert lost >= 4 and frames[-1].index == 11
    assert [reason for _, reason in source.broken] == [
        f'{tmp_path / name}: {12 - lost} frames read; damaged: {lost} frames in its middle are missing'
    ]


@pytest.mark.parametrize('name, codec', [('a.mkv', 'mpeg4'), ('a.webm', 'libvpx')])
def test_frames_that_are_missing_at_the_end_of_matroska_are_told(tmp_path, name, codec):
    source = damaged(tmp_path / name, codec, 8, 12, g='1')
    assert len(list(source)) == 8
    ((_, reason),) = source.broken
    assert reason.endswith('8 frames read; cut off: found 0.32 s of 0.48 s')


def test_packets_that_are_missing_in_avi_are_told(tmp_path):
    source = damaged(tmp_path / 'a.avi', 'mjpeg', 4, 5)
    assert len(list(source)) == 11
    ((_, reason),) = source.broken
    assert '11 frames read of 12 that it announces; damaged: 1 frame is missing, it is not known where' in reason


@pytest.mark.parametrize('name', ['a.avi', 'a.mkv'])
def test_gaps_in_the_times_of_whole_videos_are_no_damage(tmp_path, name):
    source = VideoSource(make(tmp_path / name, [0, 0.04, 0.08, 0.4, 0.44, 2]), strict=False)
    assert [frame.index for frame in source] == [0, 1, 2, 3, 4, 5]
    assert source.broken == []


def test_frames_that_a_decoder_leaves_out_behind_a_lost_one_are_counted():
    numbers = _Numbers()
    for time in (0, 3, 1, 2, 4, 5):  # as they are stored, each needing some before it
        numbers.expect(SimpleNamespace(pts=time))
    found = [numbers.next(SimpleNamespace(pts=0, duration=1))]
    numbers.lose()
    assert found + [numbers.next(SimpleNamespace(pts=time, duration=1)) for time in (3, 4, 5)] == [0, 3, 4, 5]
    assert numbers.missing == 2


def test_packets_without_a_frame_of_their_own_are_none():
    numbers = _Numbers()
    for time in range(4):
        numbers.expect(SimpleNamespace(pts=time))
    assert [numbers.next(SimpleNamespace(pts=time, duration=1)) for time in (0, 2, 3)] == [0, 1, 2]
    assert numbers.missing == 0


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / 'a.mp4'), 'w') as output:
        audio = output.add_stream('aac', RATE, layout='mono')
        frame = av.AudioFrame.from_ndarray(np.zeros((1, RATE), np.int16), 's16', 'mono')
        frame.sample_rate = RATE
        output.mux(audio.encode(frame))
        output.mux(audio.encode())
    with pytest.raises(ValueError, match='a.mp4: found no pictures'):
        VideoSource(tmp_path / 'a.mp4')


def test_without_pyav(tmp_path, monkeypatch):
    path = make(tmp_path / 'a.mkv', [0])
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(ImportError, match='a.mkv: a video needs av, .*: run `pip install av`'):
        VideoSource(path)
