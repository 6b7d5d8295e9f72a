"""A server on this machine whose videos break off as they are told to."""

import http.server
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import av
import numpy as np

RATE = 10  # frames a second


def clip(first: int, count: int, container: str = 'mpegts', codec: str = 'mpeg2video') -> bytes:
    """A video whose frames are grey of 10 times their number."""
    content = io.BytesIO()
    with av.open(content, 'w', format=container) as output:
        stream = output.add_stream(codec, RATE, options=dict(g='1', bf='0'))
        stream.width, stream.height = 64, 48
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        for n in range(first, first + count):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 * n, np.uint8), 'bgr24')
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return content.getvalue()


def numbers(frames: Sequence) -> list[int]:
    """Those of frames of :func:`clip`, by their grey."""
    return [round(frame.image.mean() / 10) for frame in frames]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the n-th request by the n-th function of the server, and then that there is nothing."""

    protocol_version = 'HTTP/1.1'

    def do_GET(self) -> None:
        server = self.server
        server.asked.append((self.path, self.headers.get('Range'), self.headers.get('Authorization')))
        if len(server.asked) > len(server.answers):
            self.send_error(404)
            return
        self.close_connection = True
        server.answers[len(server.asked) - 1](self)

    def log_message(self, *_) -> None:
        pass


def whole(content: bytes, is_sized: bool = True, kind: str = 'video/x') -> Callable:
    """The content, and a clean end."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header('Content-Type', kind)
        body = content
        if is_sized:
            handler.send_header('Content-Length', str(len(content)))
        else:  # without that, an end is not told from a break
            handler.send_header('Transfer-Encoding', 'chunked')
            body = b'%x\r\n%b\r\n0\r\n\r\n' % (len(content), content)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def cut(content: bytes, sent: int) -> Callable:
    """So many bytes of the content, of which the size is told."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header('Content-Length', str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:sent])

    return answer


def until_closed(content: bytes) -> Callable:
    """The content, whose end is that of the connection."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


@contextmanager
def serve(*answers: Callable) -> Iterator[http.server.ThreadingHTTPServer]:
    """A server; ``address`` of what it serves, and ``asked``: path, range and authorization of each request."""
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.answers, server.asked = answers, []
    server.address = f'http://127.0.0.1:{server.server_port}/clip'
    thread = threading.Thread(target=server.serve_forever, kwargs=dict(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
