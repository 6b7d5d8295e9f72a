"""What only newer releases of torch can do."""

from inspect import signature

import pytest
import torch


@pytest.fixture
def exporter():
    """The exporter to ONNX that :mod:`mmfld.apis.onnx_export` needs; before torch 2.6 it says so instead."""
    if 'optimize' not in signature(torch.onnx.export).parameters:
        pytest.skip(f'needs torch 2.6 or newer, found {torch.__version__}')
