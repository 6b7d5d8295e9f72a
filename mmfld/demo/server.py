"""The page served, from a folder that is gone when it ends."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ..runtime.optional import load
from .limits import Limits
from .models import Models
from .visits import Visits

AT_ONCE = 2  # uploads that are worked on
WAITING = 50  # that wait for it; more are told to come back


@contextmanager
def serve(
    models: Sequence[str] = (),
    host: str = '127.0.0.1',
    port: int | None = None,
    threads: int | None = None,
    limits: Limits = Limits(),
) -> Iterator[str]:
    """Serve the demo in a ``with`` statement, which gives its address.

    One at a time in a process, as Gradio is told by environment variables where uploads lie. Nothing is loaded from
    elsewhere and nothing is told to anybody: no analytics, no shared link, fonts of the machine.

    Args:
        models (Sequence[str]): See :class:`Models`.
        host (str): Address to listen on. Defaults to this machine alone.
        port (int, optional): Defaults to 7860, or the next one that is free.
        threads (int, optional): For one call of a network. Defaults to the backend's choice.
        limits (Limits): Of uploads.

    Raises:
        ImportError: If Gradio is not installed.
        OSError: If the port is taken, or the address none of this machine.
        ValueError: See :class:`Models`.
    """
    choice = Models(models, threads)
    with TemporaryDirectory(prefix='mmfld_demo_') as folder, _environment(folder):
        gradio = load('gradio', 'mmfld[demo]', 'the demo')
        from .handlers import Handlers
        from .page import build_page

        page = build_page(Handlers(choice, limits, Visits(Path(folder))))
        page.queue(max_size=WAITING, default_concurrency_limit=AT_ONCE)
        try:
            _, url, _ = page.launch(
                server_name=host,
                server_port=port,
                theme=gradio.themes.Default(font=['system-ui', 'sans-serif'], font_mono=['monospace']),
                max_file_size=int(limits.megabytes * 10**6),
                share=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                enable_monitoring=False,
                footer_links=[],
                quiet=True,
                prevent_thread_lock=True,
            )
        except OSError as error:
            at = host if port is None else f'{host}, port {port}'
            raise OSError(f'cannot listen at {at}: it is taken, or no address of this machine') from error
        try:
            yield url
        finally:
            page.close(verbose=False)


@contextmanager
def _environment(folder: str) -> Iterator[None]:
    """What Gradio reads of it at its import, when a page is built, and with each upload; as it was at the end."""
    values = dict(GRADIO_TEMP_DIR=folder, GRADIO_ANALYTICS_ENABLED='False', HF_HUB_OFFLINE='1')
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def wait() -> None:
    """Until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        pass
