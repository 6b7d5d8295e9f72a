"""Uploads as they are, so that what is wrong with one is said by what reads it.

Gradio's components would decode them first, and download what a URL is given for. Their methods are replaced, not
overridden, as Gradio writes a file beside the source of each class that is derived from one of its components.
"""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

Component = TypeVar('Component', gr.Image, gr.Video)


def as_path(component: Component) -> Component:
    """Make a component give the path of a file, or None."""
    return _local(component, lambda payload: Path(payload.path))


def as_bytes(component: Component) -> Component:
    """Make a component give the content of a picture, also of one of a camera, which is no file; or None."""
    return _local(component, _content)


def _content(payload: Any) -> bytes:
    if payload.url and payload.url.startswith('data:'):
        return base64.b64decode(payload.url.partition(',')[2])
    return Path(payload.path).read_bytes()


def _local(component: Component, read: Callable[[Any], Any]) -> Component:
    move = component.async_move_resource_to_block_cache

    async def move_file(path: str | Path | None) -> str | None:
        if '://' in str(path or ''):
            raise gr.Error(f'found the URL {path}, expected a file: nothing is downloaded', print_exception=False)
        return await move(path)

    component.async_move_resource_to_block_cache = move_file
    component.preprocess = lambda payload: None if payload is None else read(payload)
    return component
