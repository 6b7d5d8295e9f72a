"""The build's one step that pyproject.toml cannot say: configs and tools go into the wheel."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


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


setup(cmdclass={'build_py': BuildWithConfigs})
