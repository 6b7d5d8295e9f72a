"""What ``pip install .`` puts into an environment is found from any folder."""

import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

import mmfld

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def installed(tmp_path_factory) -> Path:
    """The folder into which ``pip install .`` puts the package; built from a copy, as building leaves files behind."""
    folder = tmp_path_factory.mktemp('wheel')
    left_out = shutil.ignore_patterns(
        '.*', 'data', 'work_dirs', 'outputs', 'build', 'dist', '*.egg-info', '__pycache__'
    )
    shutil.copytree(REPOSITORY, folder / 'source', ignore=left_out)
    # what it needs is here already, setuptools too
    options = ['--no-deps', '--no-build-isolation', '--no-index', '--target', str(folder / 'site')]
    done = subprocess.run(
        [sys.executable, '-m', 'pip', 'install', '-q', *options, '.'],
        cwd=folder / 'source',
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / 'site'


@pytest.mark.parametrize('pattern', ['configs/**/*.py', 'projects/*/*.yml', 'tools/**/*.py', 'tools/**/*.sh'])
def test_configs_tables_and_tools_are_in_it(installed, pattern):
    expected = {path.relative_to(REPOSITORY) for path in REPOSITORY.glob(pattern)}
    assert (
        expected
        and {path.relative_to(installed / 'mmfld/.mim') for path in (installed / 'mmfld/.mim').glob(pattern)}
        == expected
    )


def test_configs_and_weights_are_found_from_another_folder(installed, tmp_path):
    program = f"""
import sys
sys.path.insert(0, {str(installed)!r})
from mmfld.apis.face_landmark_inferencer import DEFAULT_WEIGHTS
from mmfld.engine.rows import find_row, read_config
from mmfld.runtime.landmarker import DEFAULT_MODEL
print(read_config('configs/wflw/star_hg4.py').filename)
print(read_config('wflw/star_hg4').filename)
print(find_row('projects/reproduce/star.yml:wflw').file)
print(find_row('star.yml:wflw').file)
for path in (DEFAULT_WEIGHTS, DEFAULT_MODEL):
    print(path if path.is_file() else 'missing')
"""
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()
    assert len(found) == 6 and all(path.startswith(f'{installed}/mmfld/') for path in found), found


def test_the_metadata_names_version_and_extras(installed):
    [metadata] = distributions(name='mmfld', path=[str(installed)])
    assert metadata.version == mmfld.__version__
    assert {'runtime', 'demo', 'docs', 'ray', 'dev'} <= set(metadata.metadata.get_all('Provides-Extra'))
    assert [entry.value for entry in metadata.entry_points] == ['mmfld.cli.main:main']


def test_converters_are_found_and_what_needs_a_checkout_says_so(installed, tmp_path):
    def mmfld(*arguments):
        program = (
            f'import sys; sys.path.insert(0, {str(installed)!r}); from mmfld.cli.main import main; sys.exit(main())'
        )
        command = [sys.executable, '-W', 'ignore', '-c', program, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    done = mmfld('convert', 'wflw', str(tmp_path))
    assert done.returncode == 1 and 'found no folder WFLW_images' in done.stderr
    done = mmfld('reproduce', 'star')
    assert done.returncode == 1 and done.stderr.count('\n') == 1
    assert 'projects/reproduce/run.py is not in' in done.stderr and 'needs a checkout' in done.stderr
