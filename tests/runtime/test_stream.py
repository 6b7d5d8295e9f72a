"""Streams of a server that is killed, starts again, tells no times or is not there."""

import io
import threading
import time

import av
import numpy as np
import pytest

import mmfld.runtime.stream
from mmfld.runtime.media import open_source
from mmfld.runtime.newest import newest
from mmfld.runtime.stream import StreamSource, is_address

from . import servers
from .servers import clip, cut, numbers, serve, until_closed, whole


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(mmfld.runtime.stream, 'WAIT', 0.0)


def test_a_video_behind_an_address_is_read_with_its_times():
    with serve(whole(clip(1, 12, 'matroska', 'mjpeg'))) as server:
        source = open_source(server.address)
        frames = list(source)
    assert isinstance(source, StreamSource) and source.is_video and source.is_live and source.fps == servers.RATE
    assert numbers(frames) == list(range(1, 13)) and [frame.index for frame in frames] == list(range(12))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(12) / servers.RATE, atol=1e-6)
    assert [frame.duration for frame in frames] == pytest.approx([0.1] * 12)
    assert source.summary == '' and source.broken == [] and not any(frame.since for frame in frames)


def test_a_recorded_video_goes_on_where_the_connection_broke():
    content = clip(1, 12, 'matroska', 'mjpeg')
    with serve(cut(content, len(content) // 2), whole(content)) as server:
        source = open_source(server.address)
        frames = list(source)
    assert numbers(frames) == list(range(1, 13)) and [frame.index for frame in frames] == list(range(12))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(12) / servers.RATE, atol=1e-6)
    assert source.summary == '1 try to connect again' and source.broken == []
    assert [frame.since for frame in frames if frame.since] == [dict(reconnects=1)]


@pytest.mark.parametrize('reconnects', [0, 3])
@pytest.mark.parametrize('container, codec', [('matroska', 'mjpeg'), ('mp4', 'mpeg4'), ('avi', 'mpeg4')])
@pytest.mark.parametrize('answer', [until_closed, lambda content: whole(content, is_sized=False)])
def test_a_video_without_size_ends_where_its_length_says_so(answer, container, codec, reconnects):
    with serve(answer(clip(1, 12, container, codec))) as server:
        source = StreamSource(server.address, reconnects=reconnects)
        assert numbers(list(source)) == list(range(1, 13))
    assert source.summary == '' and source.broken == [] and len(server.asked) == 1


def test_a_video_without_size_goes_on_where_the_connection_was_closed_too_early():
    content = clip(1, 12, 'matroska', 'mjpeg')
    with serve(until_closed(content[: len(content) // 2]), until_closed(content)) as server:
        source = StreamSource(server.address)
        frames = list(source)
    assert numbers(frames) == list(range(1, 13))
    assert source.summary == '1 try to connect again' and source.broken == []


def test_a_live_stream_that_is_closed_without_tries_has_ended():
    with serve(until_closed(clip(1, 6))) as server:
        assert len(list(StreamSource(server.address, reconnects=0))) == 6


def test_a_file_that_is_cut_off_on_its_server_is_told_and_not_asked_for_again():
    content = clip(1, 12, 'matroska', 'mjpeg')
    with serve(whole(content[: len(content) // 2])) as server:
        source = StreamSource(server.address, strict=False)
        read = len(list(source))
    assert 3 < read < 8 and len(server.asked) == 1
    ((_, reason),) = source.broken
    assert reason == f'{server.address}: {read} frames read; cut off: found {read / 10:.2f} s of 1.20 s'


@pytest.mark.parametrize('answer', [whole, until_closed, lambda content: whole(content, is_sized=False)])
def test_an_mp4_whose_index_lies_behind_its_pictures_needs_a_server_that_sends_parts(answer):
    content = clip(1, 12, 'mp4', 'mpeg4')
    at = content.index(b'moov') - 4
    between = 10**5
    content = content[:at] + between.to_bytes(4, 'big') + b'free' + bytes(between - 8) + content[at:]
    with serve(*[answer(content)] * 3) as server:
        source = StreamSource(server.address, strict=False)
        assert list(source) == []
    ((_, reason),) = source.broken
    assert reason == (
        f'{server.address}: 0 frames read; found an mp4 whose index lies behind its pictures, and a server that sends '
        'no parts of it: save the file, and read that'
    )


@pytest.mark.parametrize('scheme', ['http', 'rtsp'])
def test_an_unknown_host_is_told_without_the_password(scheme):
    with pytest.raises(ValueError) as error:
        StreamSource(f'{scheme}://anna:secret@no-such-host.invalid/live?token=abc')
    place, told = f'{scheme}://no-such-host.invalid/live', 'the host no-such-host.invalid is unknown: '
    assert str(error.value).startswith(f'{place}: PyAV cannot open this stream ({told}')
    assert 'secret' not in str(error.value) and 'abc' not in str(error.value)


def test_a_host_that_speaks_no_tls_could_not_be_reached():
    with serve() as server:
        with pytest.raises(ValueError, match=r'\(127.0.0.1 could not be reached, or broke off at once\)$'):
            StreamSource(server.address.replace('http://', 'https://anna:secret@'))


def test_a_live_stream_goes_on_with_what_it_shows_then(monkeypatch):
    """Which is told by the clock: 5 s later."""
    clock = [100.0]
    monkeypatch.setattr(mmfld.runtime.stream.time, 'monotonic', lambda: clock[0])

    def later(handler):
        clock[0] += 5
        whole(clip(15, 4), is_sized=False)(handler)

    with serve(whole(clip(1, 6), is_sized=False), later) as server:
        source = StreamSource(server.address, strict=False, reconnects=2)
        frames = list(source)
    assert numbers(frames) == [*range(1, 7), *range(15, 19)]
    assert [frame.index for frame in frames] == list(range(10))
    times = [frame.time for frame in frames]
    np.testing.assert_allclose(times[:6], np.arange(6) / servers.RATE, atol=1e-3)
    np.testing.assert_allclose(times[6:], times[5] + 5 + np.arange(4) / servers.RATE, atol=1e-3)
    assert [frame.since for frame in frames if frame.since] == [dict(reconnects=1)]


def test_where_the_limit_is_reached_what_was_read_is_kept_and_one_sentence_says_so():
    with serve(whole(clip(1, 6), is_sized=False)) as server:
        source = StreamSource(server.address, strict=False, reconnects=3)
        assert numbers(list(source)) == list(range(1, 7))
    assert source.broken == [
        (
            server.address,
            f'{server.address}: 6 frames read, 3 tries to connect again; PyAV cannot open this stream (Server returned '
            '404 Not Found)',
        )
    ]
    assert source.summary == '3 tries to connect again'
    assert len(server.asked) == 4


def test_a_server_that_is_killed_in_the_middle(no_waiting):
    going, content = threading.Event(), clip(1, 40)

    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content[: 3 * len(content) // 4])
        handler.wfile.flush()
        going.wait(10)
        handler.connection.close()

    with serve(answer) as server:
        frames = iter(StreamSource(server.address, reconnects=2))
        read = [next(frames)]
        server.shutdown()
        server.socket.close()
        going.set()
        with pytest.raises(ValueError, match=r'frames read, 2 tries to connect again; .* \(Connection refused\)$'):
            for frame in frames:
                read.append(frame)
    assert len(read) > 20


def test_without_tries_the_end_of_a_stream_is_its_end():
    with serve(whole(clip(1, 6), is_sized=False)) as server:
        source = StreamSource(server.address, reconnects=0)
        assert len(list(source)) == 6
    assert source.broken == [] and len(server.asked) == 1


def test_late_frames_are_dropped_if_asked_and_counted():
    """All come while the first is looked at."""
    sent = threading.Event()

    def answer(handler):
        whole(clip(1, 12), is_sized=False)(handler)
        sent.set()

    with serve(answer) as server:
        source = StreamSource(server.address, reconnects=0, drop_late=True)
        frames = iter(source)
        first = next(frames)
        assert sent.wait(10)
        last = threading.active_count()
        deadline = time.monotonic() + 10
        while threading.active_count() >= last and time.monotonic() < deadline:  # the reader ends with the stream
            time.sleep(0.01)
        (second,) = frames
    assert numbers([first, second])[1] == 12 and second.index == 11
    assert second.time == pytest.approx(1.1, abs=0.01)
    assert second.since == dict(dropped=10 - first.index) and source.dropped == 10
    assert source.summary == '10 frames dropped as late'


def test_a_recorded_video_waits_for_its_reader():
    with serve(whole(clip(1, 12, 'matroska', 'mjpeg'))) as server:
        assert len(list(StreamSource(server.address, drop_late=True))) == 12


def test_pictures_without_times_have_those_at_which_they_come(monkeypatch):
    clock = iter(np.arange(0, 100, 0.25))
    monkeypatch.setattr(mmfld.runtime.stream.time, 'monotonic', lambda: next(clock))
    answer = whole(clip(1, 5, 'mpjpeg', 'mjpeg'), False, 'multipart/x-mixed-replace; boundary=ffmpeg')
    with serve(answer) as server:
        frames = list(StreamSource(server.address, strict=False, reconnects=0))
    assert numbers(frames) == [1, 2, 3, 4, 5]
    assert [frame.time for frame in frames] == pytest.approx([0, 0.25, 0.5, 0.75, 1.0])


def test_damaged_frames_are_left_out_and_counted():
    content = bytearray(clip(1, 6, 'matroska', 'libx264'))
    with av.open(io.BytesIO(content)) as container:
        packet = [packet for packet in container.demux() if packet.size][2]
        at, size = packet.pos, packet.size
    content[at + 8 : at + size] = bytes(size - 8)
    with serve(whole(bytes(content))) as server:
        source = StreamSource(server.address)
        frames = list(source)
    assert 3 not in numbers(frames) and numbers(frames)[-1] == 6 and frames[-1].index == 5
    assert source.damaged == 1 and source.summary == '1 frame damaged'
    assert [frame.since for frame in frames if frame.since] == [dict(damaged=1)]


def test_user_and_password_are_sent_and_nowhere_shown():
    with serve() as server:
        address = server.address.replace('http://', 'http://anna:secret@') + '?token=abc'
        with pytest.raises(ValueError) as error:
            StreamSource(address)
    assert str(error.value) == f'{server.address}: PyAV cannot open this stream (Server returned 404 Not Found)'
    assert error.value.__cause__ is None and server.asked[0][0] == '/clip?token=abc'
    with serve(whole(clip(1, 2, 'matroska', 'mjpeg'))) as server:
        source = StreamSource(server.address.replace('http://', 'http://anna:secret@'))
        assert 'secret' not in source.path + source.name + next(iter(source)).path
    assert source.name == f'127.0.0.1_{server.server_port}_clip'


@pytest.mark.parametrize(
    'address, message',
    [
        ('http://127.0.0.1:1/clip.mp4', r'^http://127.0.0.1:1/clip.mp4: PyAV cannot open this stream \(Connection ref'),
        ('rtsp://127.0.0.1:1/live', r'^rtsp://127.0.0.1:1/live: PyAV cannot open this stream \(Connection refused\)$'),
        ('http://[::1/clip', 'found an address of no host, expected one such as rtsp://HOST/PATH'),
        ('http:///clip', 'found an address of no host'),
        ('http://host:port/clip', 'found an address of no host'),
    ],
)
def test_an_address_that_does_not_answer_is_one_sentence(address, message):
    with pytest.raises(ValueError, match=message):
        open_source(address)


def test_a_page_is_no_video():
    with serve(whole(b'<html>no video</html>')) as server:
        with pytest.raises(ValueError, match=r'PyAV cannot open this stream \(Invalid data found'):
            open_source(server.address)


def test_a_server_that_is_silent_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(mmfld.runtime.stream, 'TIMEOUT', 0.2)
    going = threading.Event()
    with serve(lambda handler: going.wait(10)) as server:
        with pytest.raises(ValueError, match=r'PyAV cannot open this stream \(no answer within 0.2 s\)'):
            StreamSource(server.address)
        going.set()


@pytest.mark.parametrize('arguments', [dict(reconnects=-1), dict(reconnects=1.5), dict(drop_late=3)])
def test_wrong_arguments_are_told(arguments):
    with pytest.raises(ValueError, match=f'found {next(iter(arguments))}='):
        StreamSource('http://127.0.0.1:1/', **arguments)


def test_what_an_address_is():
    assert is_address('RTSP://host/a') and is_address('https://host')
    assert not is_address('ftp://host/a') and not is_address('http:/a') and not is_address('a/http://b')


# ---- the newest of what comes -------------------------------------------------------------------------------------


def test_what_is_not_taken_is_passed_over_but_for_the_last():
    gate, done = threading.Event(), threading.Event()

    def items():
        yield 1
        gate.wait(10)
        yield from (2, 3, 4)
        done.set()

    found = newest(items())
    assert next(found) == 1
    gate.set()
    assert done.wait(10)
    assert list(found) == [4]


def test_an_error_comes_after_what_was_before_it():
    def items():
        yield 1
        raise OSError('gone')

    found = newest(items())
    assert next(found) == 1
    with pytest.raises(OSError, match='gone'):
        next(found)


def test_what_is_closed_reads_no_further():
    read = []

    def items():
        for n in range(10**9):
            read.append(n)
            yield n

    found = newest(items())
    next(found)
    found.close()
    count = len(read)
    time.sleep(0.01)
    assert len(read) == count < 10**9
