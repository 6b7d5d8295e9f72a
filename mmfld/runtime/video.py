"""Video files, read and written with PyAV."""

import warnings
from collections.abc import Iterator
from fractions import Fraction
from heapq import heappop, heappush
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import cv2
import numpy as np

from ..counts import how_many
from .frame import Frame
from .optional import load

CUT = Fraction(1, 2)  # seconds that may be missing at the end: what files say about their length is not exact
MATROSKA, MATROSKA_CUT = 'matroska,webm', Fraction(1, 10)  # they are more exact, and sound may end a bit earlier
HEADERS = 100  # bytes between two packets of Matroska, at most
BT709, FCC = 1, 4  # matrices of colours and their ranges, as FFmpeg counts them
LIMITED, FULL = 1, 2
H264 = {'crf': '18', 'preset': 'veryfast', 'bf': '0'}  # players show for how long the frame that is stored last lasts
SOUND_IN_MP4 = ('aac', 'flac', 'opus')  # what browsers play and fits at any rate; mp3 does not


class VideoSource:
    """The frames of a video file, or of an animated GIF, the way up and at the times that players show them.

    Frames that the decoder reports as damaged, as by an error in the file, are left out; those behind them keep their
    numbers and times. Some that were stored as changes of a lost one may show that, without a sign from the decoder.

    What is missing between the packets of a file is counted where something tells: in mkv and webm bytes that are no
    packet, with a gap in time; in avi, which has no times, the number of frames that it announces, so that those behind
    have too small numbers and times. Nothing tells of frames that were cut out of mkv or webm cleanly, of the last
    tenth of a second there and the last half of one in other formats, nor of what streams such as mpeg lose.

    Args:
        path (Path): File.
        strict (bool): Whether damage is an error; if not, it is noted in ``broken``, a list of names and reasons, once
            what can be read has been. Defaults to True.

    Raises:
        FileNotFoundError: If the file does not exist.
        ImportError: If PyAV is not installed.
        ValueError: If PyAV cannot open it.
    """

    is_video: Literal[True] = True
    is_live = False
    length = None  # what a file says about its number of frames is often wrong
    notice = ''
    summary = ''

    def __init__(self, path: Path, strict: bool = True) -> None:
        if not path.is_file():
            raise FileNotFoundError(f'video {path} does not exist')
        self.path = str(path)
        self.name = path.stem
        self.strict = strict
        self.broken: list[tuple[str, str]] = []
        with _open(path) as container:
            stream = container.streams.best('video')
            if stream is None or stream.codec_context is None:
                raise ValueError(f'{path}: found no pictures that PyAV can decode, expected a video')
            self.time_base = stream.time_base
            self.fps = float(stream.average_rate or 25)  # on average

    def __iter__(self) -> Iterator[Frame]:
        """Read frames until the video ends.

        Raises:
            ValueError: If it is ``strict`` and there is no frame, one is damaged, or the end is missing.
        """
        self.broken.clear()
        numbers, read, damaged, lost, first, time, end = _Numbers(), 0, 0, 0, 0.0, None, Fraction(0)
        reasons: list[str] = []
        with _open(Path(self.path)) as container:
            stream = container.streams.best('video')
            stream.thread_type = 'AUTO'
            start, announced = start_of(container), stream.frames  # 0 if that is not said
            kind, position, last, step = container.format.name, 0, -1, 1
            for packet in _packets(container, reasons):
                if kind == MATROSKA and packet.pos is not None:
                    if position and packet.pos - position > HEADERS:
                        numbers.tear()
                    position = max(position, packet.pos) + packet.size  # several may share a block, and its place
                if packet.pts is not None:
                    end = max(end, end_of(packet) - start)
                if packet.stream.index != stream.index:
                    lost += packet.is_corrupt
                    continue
                numbers.expect(packet)
                if packet.pts is not None and packet.pts > last:
                    last, step = packet.pts, max(step, packet.pts - last)
                try:
                    frames = [] if packet.is_corrupt else stream.decode(packet)
                    is_lost = packet.is_corrupt
                except load_av().FFmpegError:
                    frames, is_lost = [], True
                if is_lost:
                    lost += 1
                    numbers.lose()
                for frame in frames:
                    index = numbers.next(frame)
                    shown = None if frame.pts is None else frame.pts * frame.time_base - start
                    if shown is None or time is not None and shown <= time:
                        shown = 0 if time is None else time + 1 / self.fps
                    time = shown
                    if frame.is_corrupt:
                        first = first if damaged else time
                        damaged += 1
                    else:
                        read += 1
                        yield Frame(
                            upright(frame),
                            self.path,
                            index,
                            float(time),
                            float((frame.duration or 0) * frame.time_base or 1 / self.fps),
                        )
            cut = cut_off(container, end)
        if not read + damaged:
            reasons.append('opened, but PyAV can decode no frame of it')
        if damaged:
            reasons.append(
                f'{how_many(damaged, "frame is", "frames are")} damaged and left out, the first at {float(first):.2f} s'
            )
        if lost:
            reasons.append(
                f'{lost} of its packets cannot be decoded, '
                f'{how_many(numbers.missing, "frame in its middle is", "frames in its middle are")} missing'
            )
        elif numbers.missing:
            reasons.append(
                f'damaged: {how_many(numbers.missing, "frame in its middle is", "frames in its middle are")} missing'
            )
        if cut:
            reasons.append(cut)
        elif kind == 'avi' and last + step < announced:
            reasons.append(
                f'damaged: {how_many(announced - last - step, "frame is", "frames are")} missing, it is not known '
                'where, so that those behind have too small numbers and times'
            )
        if reasons:
            of = f' of {announced} that it announces' if announced else ''
            reason = f'{self.path}: {how_many(read, "frame")} read{of}; {"; ".join(reasons)}'
            if self.strict:
                raise ValueError(reason)
            self.broken.append((self.path, reason))


class _Numbers:
    """Of frames, in the order in which they are shown; packets that give none have theirs, too."""

    def __init__(self) -> None:
        self._next = 0
        self._lost = False  # whether there is one whose place among the frames has not been passed yet
        self._torn = False  # likewise, whether there are bytes that are no packet
        self._end: int | None = None  # time at which the last frame ends, as far as that is said
        self.missing = 0
        self._expected: list[int] = []  # times of packets behind the last frame, a heap

    def expect(self, packet: Any) -> None:
        if packet.pts is not None:
            heappush(self._expected, packet.pts)

    def lose(self) -> None:
        self._lost = True

    def tear(self) -> None:
        self._torn = True

    def next(self, frame: Any) -> int:
        before = self._fallen_into_a_gap(frame)
        self.missing += before
        self._next += before
        before = 0
        while frame.pts is not None and self._expected and self._expected[0] <= frame.pts:
            before += heappop(self._expected) < frame.pts
        if before and self._lost:  # and those that need it; other packets without a frame are none of its frames
            self.missing += before
            self._next += before
            self._lost = False
        self._next += 1
        return self._next - 1

    def _fallen_into_a_gap(self, frame: Any) -> int:
        """How many frames are missing before one, by the time, if there are bytes that are no packet."""
        if frame.pts is None or not frame.duration:
            return 0
        count = 0
        if self._torn and self._end is not None:
            count = max(0, round((frame.pts - self._end) / frame.duration))
            self._torn = not count
        self._end = frame.pts + frame.duration
        return count


class VideoWriter:
    """A video for browsers: H.264 in mp4, with the sound of another video.

    Args:
        path (Path): To write.
        width, height (int): Of its pictures; where they are odd, the last column or row is there twice.
        source (VideoSource | CameraSource): Where the pictures come from, for the rate of frames, the unit of time and,
            of a file, the sound: copied if browsers play it in mp4, else as AAC.

    Raises:
        ImportError: If PyAV is not installed.
    """

    def __init__(self, path: Path, width: int, height: int, source: Any) -> None:
        self._output = load_av().open(str(path), 'w', format='mp4', options={'movflags': '+faststart'})
        rate = Fraction(source.fps).limit_denominator(1001)
        self._stream = self._output.add_stream('libx264', rate, options=H264)
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = 'yuv420p'
        context = self._stream.codec_context
        context.time_base = source.time_base
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED
        self._sound = None if source.is_live else _Sound(Path(source.path), self._output)
        self._durations: dict[int, int] = {}  # of the frames that are in the encoder
        self._last = -1
        self._end = 0.0

    def write(self, picture: np.ndarray, time: float, duration: float) -> None:
        """Append a picture (height, width, 3) uint8 in BGR, shown from ``time`` on for ``duration``, in seconds."""
        height, width = picture.shape[:2]
        picture = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        frame = (
            load_av()
            .VideoFrame.from_ndarray(picture, 'bgr24')
            .reformat(format='yuv420p', dst_colorspace=BT709, dst_color_range=LIMITED)
        )
        frame.time_base = self._stream.codec_context.time_base
        frame.pts = self._last = max(round(time / frame.time_base), self._last + 1)
        self._durations[frame.pts] = round(duration / frame.time_base)
        self._end = time + duration
        self._mux(self._stream.encode(frame))
        if self._sound is not None:
            self._sound.write(time)

    def close(self) -> None:
        """Complete the file."""
        self._mux(self._stream.encode())
        if self._sound is not None:
            self._sound.write(self._end)
            self._sound.close()
        self._output.close()

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts)
            self._output.mux(packet)


class _Sound:
    """The sound of a video file for another one, bit by bit as its pictures come."""

    def __init__(self, path: Path, output: Any) -> None:
        self._input, self._output = _open(path), output
        self._next = None
        self._packets: Iterator[Any] = iter(())
        stream = self._input.streams.best('audio')
        if stream is None:
            return
        if stream.codec_context is None:
            warnings.warn(f'{path}: PyAV cannot decode its sound, which is left out', stacklevel=2)
        elif stream.codec_context.codec.canonical_name in SOUND_IN_MP4:
            self._packets = self._copied(stream, output.add_stream_from_template(stream))
        else:
            context = stream.codec_context
            rates = load_av().Codec('aac', 'w').audio_rates
            self._packets = self._encoded(
                stream,
                output.add_stream(
                    'aac',
                    context.rate if context.rate in rates else 48000,
                    layout='stereo' if context.layout.nb_channels > 1 else 'mono',
                ),
            )

    def write(self, end: float) -> None:
        """Append what begins before ``end``, in seconds."""
        while self._next is None or self._next.pts * self._next.time_base < end:
            if self._next is not None:
                self._output.mux(self._next)
            self._next = next(self._packets, None)
            if self._next is None:
                break

    def close(self) -> None:
        self._input.close()

    def _copied(self, stream: Any, target: Any) -> Iterator[Any]:
        shift = round(start_of(self._input) / stream.time_base)
        for packet in self._input.demux(stream):
            if packet.dts is not None and packet.pts is not None and not packet.is_corrupt:
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = target
                yield packet

    def _encoded(self, stream: Any, target: Any) -> Iterator[Any]:
        for packet in self._input.demux(stream):
            try:
                frames = [] if packet.is_corrupt else stream.decode(packet)
            except load_av().FFmpegError:
                continue  # a gap
            for frame in frames:
                if frame.pts is not None:
                    frame.pts -= round(start_of(self._input) / frame.time_base)
                yield from target.encode(frame)
        yield from target.encode(None)


def load_av(what: str = 'a video') -> ModuleType:
    """PyAV, which reads ``what``."""
    return load('av', 'av', what)


def _open(path: Path) -> Any:
    """A container of PyAV."""
    av = load_av(f'{path}: a video')
    try:
        return av.open(str(path))
    except av.FFmpegError as error:
        raise ValueError(f'{path}: PyAV cannot open this video ({error.strerror})') from error


def _packets(container: Any, reasons: list[str]) -> Iterator[Any]:
    """Packets of all streams, to the end or to where reading fails, for a reason that is added to ``reasons``."""
    try:
        yield from container.demux()
    except load_av().FFmpegError as error:
        reasons.append(f'cannot be read to the end ({error.strerror})')


def start_of(container: Any) -> Fraction:
    """Seconds at which a file's clock starts."""
    return Fraction(container.start_time or 0, 10**6)


def end_of(packet: Any) -> Fraction:
    """Seconds of a file's clock at which a packet that has a time ends."""
    return (packet.pts + (packet.duration or 0)) * packet.time_base


def cut_off(container: Any, end: Fraction) -> str:
    """What is missing where packets end ``end`` seconds after the start of the clock, empty if nothing is."""
    expected = Fraction(container.duration or 0, 10**6)
    cut = CUT
    if container.format.name == MATROSKA:
        expected -= start_of(container)  # its duration counts from the start of the clock
        cut = MATROSKA_CUT
    return f'cut off: found {float(end):.2f} s of {float(expected):.2f} s' if end < expected - cut else ''


def upright(frame: Any) -> np.ndarray:
    """(H, W, 3) uint8 in BGR of a decoded frame."""
    # PyAV leaves out what a file says about its colours unless one of these differs from what they are converted to
    image = frame.to_ndarray(
        format='bgr24', src_color_range=frame.color_range or LIMITED, dst_colorspace=FCC, dst_color_range=FULL
    )
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))
