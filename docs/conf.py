"""Settings of the site, which ``tools/build_docs.sh`` builds from this folder, READMEs of the code and docstrings."""

import sys
from pathlib import Path
from runpy import run_path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
sys.path[:0] = [str(REPOSITORY), str(HERE / '_ext')]

import mmfld  # noqa: E402, F401  first, as it puts in place what MMPose lacks

project = 'mmfld'
author = 'the authors of mmfld'
copyright = f'2026, {author}'
release = run_path(str(REPOSITORY / 'mmfld' / 'version.py'))['__version__']

extensions = ['myst_nb', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.viewcode', 'mathml', 'written_pages']
exclude_patterns = ['_build']

html_theme = 'furo'
html_title = f'mmfld {release}'
html_static_path = ['_static']
html_css_files = ['wide_tables.css']
html_math_renderer = 'mathml'
templates_path = []

myst_enable_extensions = ['dollarmath', 'deflist']
myst_heading_anchors = 3
myst_links_external_new_tab = False
nb_execution_mode = 'off'  # the outputs that are in them; a test runs them

autodoc_member_order = 'bysource'
autodoc_typehints = 'none'  # docstrings say types and shapes
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
