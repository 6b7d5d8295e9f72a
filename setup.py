from pathlib import Path
from runpy import run_path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
README = ROOT / 'README.md'

setup(
    name='mmfld',
    version=run_path(str(ROOT / 'mmfld' / 'version.py'))['__version__'],
    description='Facial landmark detection research as MMPose components',
    long_description=README.read_text(encoding='utf-8') if README.is_file() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['mmfld', 'mmfld.*']),
    package_data={'mmfld': ['assets/**']},
    entry_points={'console_scripts': ['mmfld = mmfld.cli.main:main']},
    python_requires='>=3.10',
    # Nothing that could disturb an OpenMMLab environment that works: no torch, no OpenMMLab package, and no OpenCV,
    # whose several distributions (headless or not) overwrite each other. `import mmfld` says what is missing.
    install_requires=['matplotlib', 'numpy', 'packaging', 'scipy', 'tqdm'])
