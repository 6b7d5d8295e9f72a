"""Fixtures that all tests share."""
import subprocess
import sys
from pathlib import Path

import pytest

import mmfld  # noqa: F401  registers the components and prepares the environment

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / 'shared'


@pytest.fixture(scope='session')
def shared_dir() -> Path:
    """The folder with reference values and real faces beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f'needs the reference data beside the checkout: {SHARED} does not exist')
    return SHARED


@pytest.fixture(scope='session')
def golden_dir(shared_dir) -> Path:
    return shared_dir / 'golden'


@pytest.fixture(scope='session')
def synthetic_faces(tmp_path_factory) -> Path:
    """Data root with 12 training and 4 test faces in every layout, as the tool writes them."""
    root = tmp_path_factory.mktemp('synthetic')
    tool = REPOSITORY / 'tools' / 'dataset_converters' / 'make_synthetic_faces.py'
    subprocess.run([sys.executable, str(tool), str(root), '--train', '12', '--test', '4', '--image-size', '128',
                    '--workers', '1'], check=True)
    return root
