"""Videos behind an address, such as those of cameras, read with PyAV while they come."""

import errno
import re
import socket
import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from ..counts import how_many
from .arguments import check_flag, check_whole
from .frame import Frame
from .newest import newest
from .video import cut_off, end_of, load_av, start_of, upright

SCHEMES = ('rtsp', 'rtsps', 'http', 'https')
TIMEOUT = 10.0  # seconds in which a server has to answer, and to go on
WAIT = 1.0  # seconds before the first try to connect again; one more before each further one
FPS = 25.0  # where a stream does not tell
UNTIMED = ('mjpeg', 'mpjpeg')  # what cameras show in browsers: pictures without times
MP4 = 'mov,mp4,m4a,3gp,3g2,mj2'
NO_PARTS = (
    'found an mp4 whose index lies behind its pictures, and a server that sends no parts of it: save the file, and '
    'read that'
)


class _Decoded(NamedTuple):
    """A frame of one connection, with how many there were before it, and how many of all were damaged until then; when
    it came, by the clock, and at which time it is shown, if that is told."""

    number: int
    damaged: int
    frame: Any
    came: float
    shown: float | None


def is_address(text: str) -> bool:
    """Whether it is that of a stream."""
    scheme, colon, rest = text.partition('://')
    return bool(colon and rest) and scheme.lower() in SCHEMES


@dataclass
class _Ending:
    """Of a connection: for which reason the video has not ended with it, and whether the server has no more."""

    reason: str = ''
    is_all: bool = False


class _Clock:
    """Seconds at which the frames of a stream are shown, over all its connections."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._last: float | None = None  # of the last frame
        self._came = 0.0  # when it did

    def connect(self, container: Any, is_recorded: bool) -> None:
        """Begin with another connection; a recorded video is wound on to where it was."""
        self._is_recorded = is_recorded
        self._before = self._last
        self._shift: float | None = None  # of the times of a live one
        if self._before is not None and is_recorded:
            with suppress(load_av().FFmpegError):
                container.seek(int(self._before * 10**6) + (container.start_time or 0))

    def knows(self, item: _Decoded) -> bool:
        """Whether it is a frame from before the connection broke."""
        if not self._is_recorded or self._before is None or item.shown is None:
            return False
        return item.shown <= self._before

    def time(self, item: _Decoded) -> float:
        """Of the next frame."""
        shown, last = item.shown, self._last
        if not self._is_recorded and shown is not None:
            if self._shift is None:
                self._shift = (0.0 if last is None else last + item.came - self._came) - shown
            shown += self._shift
        if shown is None or last is not None and shown <= last:
            shown = 0.0 if last is None else last + 1 / self._fps
        self._last, self._came = shown, item.came
        return shown


class StreamSource:
    """The frames of a stream, with its times: zero for the first one.

    Where the connection breaks it is made again. A recorded video, whose length or size is told, goes on where it
    broke, until it has that; a live one with what it shows then, at the time that has passed meanwhile, and also where
    it seems to have ended, which is how a camera looks that starts again. Pictures without times have those at which
    they come.

    Frames and the tries to connect again are counted in ``dropped``, ``damaged`` and ``reconnects`` while it is read,
    and what happened before a frame is in its ``since``.

    Args:
        address (str): ``rtsp://``, ``rtsps://``, ``http://`` or ``https://``, with a user and password if it needs
            them; ``path``, ``name`` and messages are without these, and without what follows a ``?``.
        strict (bool): Whether it is an error if it cannot be read to the end; if not, that is noted in ``broken``.
            Defaults to True.
        reconnects (int): How many tries to connect again there may be, in all. Defaults to 5.
        drop_late (bool): Of a live stream, pass over frames that come faster than they are taken, so that the newest is
            always the next. Defaults to False.

    Raises:
        ImportError: If PyAV is not installed.
        ValueError: If it is no such address, it does not answer at first, or has no pictures.
    """

    is_video: Literal[True] = True
    is_live = True  # it may have no end: to stop reading is the way to end it, and there is no sound to copy
    length = None
    notice = ''
    time_base = Fraction(1, 90000)

    def __init__(self, address: str, strict: bool = True, reconnects: int = 5, drop_late: bool = False) -> None:
        check_whole('reconnects', reconnects, 0)
        check_flag('drop_late', drop_late)
        self.path, self.name = _without_secrets(address)
        self._address, self._is_web = address, address.lower().startswith('http')
        self.strict = strict
        self.limit = reconnects
        self.drop_late = drop_late
        self.broken: list[tuple[str, str]] = []
        self.read = self.dropped = self.damaged = self.reconnects = 0
        self._container = self._connect()
        self.fps = float(_pictures(self._container).average_rate or FPS)

    @property
    def summary(self) -> str:
        """What was lost, empty if nothing."""
        told = {'dropped as late': self.dropped, 'damaged': self.damaged}
        parts = [f'{how_many(count, "frame")} {what}' for what, count in told.items() if count]
        if self.reconnects:
            parts.append(f'{how_many(self.reconnects, "try", "tries")} to connect again')
        return ', '.join(parts)

    def __iter__(self) -> Iterator[Frame]:
        """Read frames until the stream ends, or cannot be connected any more.

        Raises:
            ValueError: If it is ``strict`` and the stream cannot be read to the end.
        """
        self.broken.clear()
        self.read = self.dropped = self.damaged = self.reconnects = 0
        clock, index, reason = _Clock(self.fps), 0, ''
        since: dict[str, int] = {}
        while True:
            container, self._container = self._container, None
            if container is None:
                container, reason = self._connect_again(reason, since)
                if container is None:
                    break
            ending = _Ending()
            is_recorded = bool(container.duration) or container.size > 0
            frames = self._decoded(container, is_recorded, ending)
            if self.drop_late and not is_recorded:
                frames = newest(frames)
            first, damaged = index, self.damaged  # of this connection, and until the last frame
            clock.connect(container, is_recorded)
            with container, closing(frames):
                for item in frames:
                    if clock.knows(item):
                        first -= 1
                        continue
                    lost = dict(damaged=item.damaged - damaged)
                    lost.update(dropped=first + item.number - index - lost['damaged'])
                    since.update({what: count for what, count in lost.items() if count})
                    self.dropped += lost['dropped']
                    damaged, index = item.damaged, first + item.number + 1
                    self.read += 1
                    frame = item.frame
                    duration = float((frame.duration or 0) * (frame.time_base or 0)) or 1 / self.fps
                    yield Frame(upright(frame), self.path, index - 1, clock.time(item), duration, since)
                    since = {}
            reason = ending.reason
            if ending.is_all or not (reason or self.limit):
                break
            reason = reason or 'it ended'
        self._end(reason)

    def _end(self, reason: str) -> None:
        """Complain if there is a reason for which no more could be read, or nothing was."""
        if not reason and self.read:
            return
        tries = f', {how_many(self.reconnects, "try", "tries")} to connect again' if self.reconnects else ''
        reason = (
            f'{self.path}: {how_many(self.read, "frame")} read{tries}; {reason or "PyAV can decode no frame of it"}'
        )
        if self.strict:
            raise ValueError(reason)
        self.broken.append((self.path, reason))

    def _connect(self) -> Any:
        """A container of PyAV.

        Raises:
            ValueError: If there is none.
        """
        av = load_av(f'{self.path}: a stream')
        options = dict(rtsp_transport='tcp') if self._address.lower().startswith('rtsp') else {}
        try:
            container = av.open(self._address, options=options, timeout=TIMEOUT)
        except av.FFmpegError as error:
            reason = self._unreachable() if error.errno == errno.EIO else ''
            raise ValueError(f'{self.path}: PyAV cannot open this stream ({reason or _reason(error)})') from None
        if _pictures(container) is None:
            container.close()
            raise ValueError(f'{self.path}: found no pictures that PyAV can decode, expected a video')
        return container

    def _unreachable(self) -> str:
        """Why there is no answer, where FFmpeg only says that there is none."""
        host = urlsplit(self._address).hostname
        try:
            socket.getaddrinfo(host, None)
        except OSError as error:
            return f'the host {host} is unknown: {error.strerror}'
        return f'{host} could not be reached, or broke off at once'

    def _connect_again(self, reason: str, since: dict[str, int]) -> tuple[Any, str]:
        """A container, or None and why not."""
        failed = 0
        while self.reconnects < self.limit:
            time.sleep(WAIT * (1 + failed))
            self.reconnects += 1
            since['reconnects'] = since.get('reconnects', 0) + 1
            try:
                return self._connect(), ''
            except ValueError as error:
                failed += 1
                reason = str(error).removeprefix(f'{self.path}: ')
        return None, reason

    def _decoded(self, container: Any, is_recorded: bool, ending: _Ending) -> Generator[_Decoded, None, None]:
        """Frames to the end, or to where reading fails, which is then noted in ``ending``."""
        has_times = is_recorded or container.format.name not in UNTIMED
        unit, start = _pictures(container).time_base, start_of(container)
        number = 0
        for frame in self._read(container, is_recorded, ending):
            if frame is None or frame.is_corrupt:
                self.damaged += 1
            else:
                came = time.monotonic()
                shown: float | None = came
                if has_times:
                    shown = None if frame.pts is None else float(frame.pts * (frame.time_base or unit) - start)
                yield _Decoded(number, self.damaged, frame, came, shown)
            number += 1

    def _read(self, container: Any, is_recorded: bool, ending: _Ending) -> Iterator[Any]:
        """Frames of PyAV, and None for packets that cannot be decoded."""
        av, stream, end = load_av(), _pictures(container), Fraction(-1)
        is_sized = container.size > 0
        error = None
        try:
            for packet in container.demux():
                if packet.pts is not None:
                    end = max(end, end_of(packet) - start_of(container))
                if packet.stream.index != stream.index:
                    continue
                try:
                    frames = stream.decode(packet)
                except av.FFmpegError:
                    frames = [None]
                yield from frames
        except av.FFmpegError as caught:
            error = caught
            with suppress(av.FFmpegError):
                yield from stream.decode(None)  # what was read of it
        ending.is_all = is_recorded
        if self._is_web and end < 0 and container.format.name == MP4:
            ending.reason = NO_PARTS
        elif error is not None and (not self._is_web or is_sized or error.errno != errno.EIO):
            ending.reason, ending.is_all = f'cannot be read on ({_reason(error)})', False
        elif self._is_web:  # a server that does not tell the size closes the connection where the video ends
            ending.reason = cut_off(container, max(end, Fraction(0)))
            ending.is_all = is_sized or is_recorded and not ending.reason


def _pictures(container: Any) -> Any:
    """The stream of a container that is a video and can be decoded, or None."""
    stream = container.streams.best('video')
    return None if stream is None or stream.codec_context is None else stream


def _without_secrets(address: str) -> tuple[str, str]:
    """An address without user, password and query, and a name for files."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not is_address(address) or not host:
        raise ValueError(f'found an address of no host, expected one such as {SCHEMES[0]}://HOST/PATH')
    place = f'{f"[{host}]" if ":" in host else host}{"" if port is None else f":{port}"}{parts.path}'
    return f'{parts.scheme}://{place}', re.sub(r'[^\w.-]+', '_', place).strip('._') or 'stream'


def _reason(error: Any) -> str:
    if isinstance(error, load_av().ExitError):
        return f'no answer within {TIMEOUT:g} s'
    return error.strerror
