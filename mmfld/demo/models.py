"""The models that visitors choose among."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

from ..runtime import FaceLandmarker, LandmarkModel
from ..runtime.detection import build_detector
from ..runtime.landmarker import DEFAULT_MODEL
from ..structures import FaceLayout, get_conversion
from ..structures.face_layout import known_layouts

LOADED = 4  # models, each with a decoder, that are held in memory
WEIGHTS = DEFAULT_MODEL.with_suffix('.pth')  # the same as a checkpoint, whose heatmaps can be looked at


class Models:
    """Loads each when it is first asked for. Serves several threads: nothing in it belongs to a visitor.

    Args:
        files (Sequence[str]): ``FILE.onnx`` of ``mmfld export``; ``CHECKPOINT.pth``, whose config is in it; or
            ``CONFIG,CHECKPOINT``. Defaults to the model that comes with the package, and where torch and OpenMMLab are
            installed also its checkpoint.
        threads (int, optional): For one call of a network. Defaults to the backend's choice.

    Raises:
        FileNotFoundError: If one does not exist.
        ValueError: If two have one name.
    """

    def __init__(self, files: Sequence[str] = (), threads: int | None = None) -> None:
        if not files:
            files = [str(DEFAULT_MODEL)]
            if find_spec('torch') and find_spec('mmpose'):
                files.append(str(WEIGHTS))
        self._files: dict[str, tuple[str | None, Path]] = {}
        for file in files:
            config, _, model = file.rpartition(',')
            path = Path(model)
            if not path.is_file():
                raise FileNotFoundError(f'model {model} does not exist')
            if path.name in self._files:
                raise ValueError(f'found two models with the name {path.name}, expected different ones')
            self._files[path.name] = config or None, path
        self._threads, self._lock = threads, Lock()
        self._detector = build_detector('centerface', threads=threads)
        self._load = lru_cache(LOADED)(self._load)

    @property
    def names(self) -> list[str]:
        """Of the models, the default first."""
        return list(self._files)

    def decoders(self, name: str) -> list[str]:
        """Those that a model may be read by; none of an exported one, which is read as it was exported."""
        return list(getattr(self.model(name), 'decoders', ()))

    def layouts(self, name: str) -> list[str]:
        """That of a model's landmarks, then those that they can be converted to."""
        layout = self.model(name).layout
        return [layout.name, *(other for other in known_layouts() if other != layout.name and _leads(layout, other))]

    def model(self, name: str, decoder: str | None = None) -> Any:
        """A :class:`LandmarkModel` or a :class:`mmfld.apis.checkpoint_model.CheckpointModel`.

        Raises:
            ImportError: If a package is not installed that it needs.
            ValueError: If there is no such model or decoder, or its file is damaged.
        """
        if name not in self._files:
            raise ValueError(f'found model {name!r}, expected one of {", ".join(self._files)}')
        with self._lock:  # so that two visitors do not load it at once
            return self._load(name, decoder)

    def landmarker(self, name: str, decoder: str | None, orientation: str) -> FaceLandmarker:
        """One that shares its networks with all others.

        Args:
            name (str): Of :attr:`names`.
            decoder (str, optional): Of :meth:`decoders`. Defaults to the model's own.
            orientation (str): See :class:`FaceLandmarker`; of a number its text.

        Raises:
            ImportError, ValueError: See :meth:`model`; or if the orientation has no meaning.
        """
        model = self.model(name, decoder)
        return FaceLandmarker(model, self._detector, orientation=_number_or_word(orientation))

    def _load(self, name: str, decoder: str | None) -> Any:
        config, path = self._files[name]
        if path.suffix == '.onnx':
            if decoder is not None:
                raise ValueError(f'{name}: found decoder={decoder!r}, but an exported model has the one it came with')
            return LandmarkModel(path, threads=self._threads)
        from ..apis.checkpoint_model import CheckpointModel

        return CheckpointModel(config, path, decoder)


def _leads(layout: FaceLayout, other: str) -> bool:
    try:
        get_conversion(layout, other)
    except KeyError:
        return False
    return True


def _number_or_word(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
