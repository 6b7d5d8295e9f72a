"""Fixtures that all tests share."""
from pathlib import Path

import pytest

import mmfld  # noqa: F401  registers the components and prepares the environment

SHARED = Path(__file__).resolve().parents[2] / 'shared'


@pytest.fixture(scope='session')
def shared_dir() -> Path:
    """The folder with reference values and real faces beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f'needs the reference data beside the checkout: {SHARED} does not exist')
    return SHARED


@pytest.fixture(scope='session')
def golden_dir(shared_dir) -> Path:
    return shared_dir / 'golden'
