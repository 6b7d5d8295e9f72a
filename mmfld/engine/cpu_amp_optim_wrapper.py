"""Mixed precision on the CPU, which MMEngine's ``AmpOptimWrapper`` refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn


def computes_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16. Without them a convolution takes several times as long as in
    float32."""
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False  # AVX2
    names = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
    checks = [getattr(torch.cpu, name) for name in names if hasattr(torch.cpu, name)]
    return torch.backends.cpu.get_cpu_capability() != 'AVX512' or not checks or any(check() for check in checks)


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Runs the forward pass under bfloat16 autocast; bfloat16 has the range of float32, so no loss is scaled. On CPUs
    without instructions for it, in float32."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.enabled = computes_bfloat16()

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        with super().optim_context(model), autocast(device_type='cpu', enabled=self.enabled):
            yield
