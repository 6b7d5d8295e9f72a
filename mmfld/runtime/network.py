"""An ONNX model, run by whichever library is there."""

import os
import threading
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .arguments import check_whole

Outputs = list[np.ndarray]
MOST_THREADS = 1024  # more than any machine has use for; a backend would start them all
PRECISIONS = ('float32', 'bfloat16')
BACKENDS = ('onnxruntime', 'openvino')


class Network:
    """An ONNX model, to be called from any thread.

    It can be pickled, and works on in a forked process, where it is opened anew; with OpenVINO it raises RuntimeError
    there.

    Args:
        model (bytes | Path): The file or its content.
        backend (str): One of ``backends``, or ``'auto'`` for the first of them that is installed. onnxruntime uses
            CUDA where it is the package for it. Defaults to ``'auto'``.
        threads (int, optional): For one call. Defaults to the library's choice, mostly one for each core.
        precision (str): ``'float32'`` or, with OpenVINO, ``'bfloat16'``. Defaults to ``'float32'``.
        backends (Sequence[str]): Those that can run the model, the fastest first. Defaults to ``'onnxruntime'`` and
            ``'openvino'``; ``'opencv'`` knows few operators, and one input.

    Raises:
        ImportError: If the library is not installed.
        ValueError: If the backend or the precision is unknown, or they do not go together.
        FileNotFoundError: If the file does not exist.
    """

    def __init__(
        self,
        model: bytes | Path,
        backend: str = 'auto',
        threads: int | None = None,
        precision: str = 'float32',
        backends: Sequence[str] = BACKENDS,
    ) -> None:
        check_settings(backend, threads, precision, backends)
        if backend == 'auto':
            backend = next((name for name in backends if find_spec(_BACKENDS[name][0])), backends[0])
        if precision != 'float32' and backend != 'openvino':
            raise ValueError(f"precision {precision!r} needs backend 'openvino', found {backend!r}")
        module, _ = _BACKENDS[backend]
        if not find_spec(module):
            raise ImportError(
                f'backend {backend!r} needs {module}, which is not installed: run `pip install '
                f'{"opencv-python" if module == "cv2" else module}`'
            )
        if isinstance(model, Path) and not model.is_file():
            raise FileNotFoundError(f'model {model} does not exist')
        self.model = model
        self.backend = backend
        self.threads = threads
        self.precision = precision
        self._opened: tuple[int, Callable | None] = (os.getpid(), self._open())

    def __call__(self, *inputs: np.ndarray) -> Outputs:
        """Run it.

        Args:
            *inputs (ndarray): In the order of the model, of the shapes and types that it takes.

        Returns:
            list[ndarray]: Its outputs, in the order of the model.
        """
        process, run = self._opened
        if process != os.getpid() or run is None:
            run = self._open()
            self._opened = (os.getpid(), run)
        return run(*inputs)

    def close(self) -> None:
        """Give up its memory and threads; a later call opens it anew."""
        self._opened = (-1, None)

    def _content(self) -> bytes:
        return self.model if isinstance(self.model, bytes) else self.model.read_bytes()

    def _open(self) -> Callable[..., Outputs]:
        _, opened_by = _BACKENDS[self.backend]
        return opened_by(self._content(), self.threads, self.precision)

    def __getstate__(self) -> dict:
        return dict(self.__dict__, _opened=(-1, None))


def check_settings(backend: str, threads: int | None, precision: str, backends: Sequence[str] = BACKENDS) -> None:
    """Raise a ValueError if :class:`Network` takes no such arguments."""
    if precision not in PRECISIONS:
        raise ValueError(f'unknown precision {precision!r}, expected one of {PRECISIONS}')
    if threads is not None:
        check_whole('threads', threads)
        if threads > MOST_THREADS:
            raise ValueError(f'found threads={threads}, expected at most {MOST_THREADS}')
    if backend not in ('auto', *backends):
        raise ValueError(f'unknown backend {backend!r}, expected one of {("auto", *backends)}')


def _onnxruntime(content: bytes, threads: int | None, precision: str) -> Callable[..., Outputs]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of initializers that old models list as inputs, too
    # else the threads of one network wait, at full load, on the cores that the next one would run on
    options.add_session_config_entry('session.force_spinning_stop', '1')
    if threads is not None:
        options.intra_op_num_threads = threads
    available = onnxruntime.get_available_providers()
    providers = [name for name in ('CUDAExecutionProvider', 'CPUExecutionProvider') if name in available]
    session = onnxruntime.InferenceSession(content, options, providers=providers)
    names = [each.name for each in session.get_inputs()]
    return lambda *inputs: session.run(None, dict(zip(names, inputs)))


@cache
def _core() -> Any:
    """That of OpenVINO, for the life of the process, and the process.

    It sets the stack on which Python handles signals. Where one of several cores ends, it sets one that is no more, and
    the next signal ends the process.
    """
    import openvino

    return openvino.Core(), os.getpid()


def _openvino(content: bytes, threads: int | None, precision: str) -> Callable[..., Outputs]:
    import openvino

    settings: dict[str, str | int] = {
        'PERFORMANCE_HINT': 'LATENCY',
        'INFERENCE_PRECISION_HINT': dict(float32='f32', bfloat16='bf16')[precision],
    }
    if threads is not None:
        settings['INFERENCE_NUM_THREADS'] = threads
    core, process = _core()
    if process != os.getpid():  # it would wait for ever for threads that were not forked
        raise RuntimeError(
            'OpenVINO, which this process had loaded a model with, does not work on in a forked one: '
            "start processes by multiprocessing's 'spawn', make landmarkers in them alone, or take onnxruntime"
        )
    models: dict[bool, openvino.CompiledModel] = {}  # of one item, and of any number
    lock = threading.Lock()
    of_thread = threading.local()  # a request serves one thread at a time

    whole = core.read_model(content, b'')
    if any(map(_is_unsigned, whole.get_ops())):
        raise ValueError(
            'the model has activations of unsigned integers, from which OpenVINO computes something else on CPUs '
            'without AVX-512: make them signed, as tools/analysis_tools/quantize.py does, or take onnxruntime'
        )

    def compiled(single: bool) -> openvino.CompiledModel:
        with lock:
            if single not in models:
                model = core.read_model(content, b'')
                if single:
                    model.reshape({each: [1, *each.partial_shape[1:]] for each in model.inputs})
                models[single] = core.compile_model(model, 'CPU', settings)
            return models[single]

    # of a size that is known beforehand it is 1.1 to 1.5 times as fast
    shapes = [each.partial_shape for each in whole.inputs]
    is_batched = all(shape[0].is_dynamic and not any(side.is_dynamic for side in shape[1:]) for shape in shapes)
    compiled(is_batched)

    def run(*inputs: np.ndarray) -> Outputs:
        single = is_batched and len(inputs[0]) == 1
        name = 'of_one' if single else 'of_any'
        if not hasattr(of_thread, name):
            setattr(of_thread, name, compiled(single).create_infer_request())
        request = getattr(of_thread, name)
        result = request.infer(list(inputs))
        return [np.array(result[output]) for output in request.model_outputs]

    return run


def _is_unsigned(operation: Any) -> bool:
    return (
        operation.get_type_name() == 'Convert'
        and operation.get_element_type().to_string() == 'u8'
        and operation.input_value(0).get_node().get_type_name() == 'FakeQuantize'
    )


def _opencv(content: bytes, threads: int | None, precision: str) -> Callable[[np.ndarray], Outputs]:
    import cv2

    network = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
    names = network.getUnconnectedOutLayersNames()
    lock = threading.Lock()

    def run(inputs: np.ndarray) -> Outputs:
        with lock:
            network.setInput(inputs)
            return [np.array(output) for output in network.forward(names)]

    return run


_BACKENDS = dict(onnxruntime=('onnxruntime', _onnxruntime), openvino=('openvino', _openvino), opencv=('cv2', _opencv))
