"""What the documentation names is there: files, rows, commands and their options. No tool is run for that."""

import ast
import csv
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data
from mmpose.registry import DATASETS

from mmfld.cli.convert import converters
from mmfld.cli.main import COMMANDS, main
from mmfld.engine.rows import read_config

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / 'docs'
sys.path.insert(0, str(SITE / '_ext'))

import check_links  # noqa: E402
import written_pages  # noqa: E402

WRITTEN = ('_build', '_written')
PAGES = [path for path in SITE.rglob('*.md') if path.relative_to(SITE).parts[0] not in WRITTEN]
DOCUMENTS = sorted([*ROOT.glob('*.md'), *PAGES])
FOLDERS = ('configs', 'mmfld', 'tools', 'projects', 'tests', 'docs', 'requirements')
ANY = 'tools/NAME.py'  # stands for any of them
TOOL = re.compile(r'(?:tools|projects|docs/_ext)/[\w./{},*-]*\.(?:py|sh)')
PATH = re.compile(rf'(?:{"|".join(FOLDERS)})/[\w./{{}},*-]*')
BLOCK = re.compile(r'^( *)```(\w*)\n(.*?)^\1```', re.MULTILINE | re.DOTALL)
SPAN = re.compile(r'(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)')
LINK = re.compile(r'\[[^\]]*\]\(([^()\s]+)\)')
TESTED_BY_PYTEST = 'tools/run_tests.sh'
RUN = (
    'concepts/layouts.md',
    'concepts/grids.md',
    'concepts/heads_and_codecs.md',
    'concepts/compat.md',
    'howto/add_a_loss.md',
    'howto/add_a_codec.md',
    'howto/add_a_layout.md',
)
RUN_ON_A_PHOTOGRAPH = (
    'index.md',
    'faq.md',
    'start/quickstart.md',
    'start/predict.md',
    'howto/track.md',
    'howto/calibrate.md',
    'howto/pose_and_crops.md',
)
# a config, blocks that another test runs, and a model that somebody exports
NOT_RUN_AS_THEY_STAND = ('concepts/sample.md', 'start/own_data.md', 'howto/deploy.md')
NOTEBOOKS = sorted((SITE / 'notebooks').glob('*.ipynb'))
LARGEST_OUTPUT = 300_000  # characters

documents = pytest.mark.parametrize('path', DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


# ---------------------------------------------------------------------------------------------------------------- links
@documents
def test_every_link_leads_to_a_file(path):
    assert not list(lost_links(path, prose(path.read_text(encoding='utf-8'))))


def test_a_link_to_a_page_that_does_not_exist_is_found():
    found = list(lost_links(SITE / 'index.md', '[this](faq.md#numbers), [that](nowhere.md) and [x](https://a.org).'))
    assert found == ['nowhere.md']


def lost_links(path: Path, text: str) -> Iterator[str]:
    for target in LINK.findall(text):
        file = target.partition('#')[0]
        if file and '://' not in file and not file.startswith('mailto:') and not _is_written(path, file):
            if not (path.parent / file).exists():
                yield target


def _is_written(path: Path, target: str) -> bool:
    return (path.parent / target).resolve().is_relative_to(SITE / '_written')


# ---------------------------------------------------------------------------------------------------------------- paths
@documents
def test_every_path_exists(path):
    text = path.read_text(encoding='utf-8')
    named = itertools.chain(spans(text), (word for words in commands(text) for word in words))
    assert not [name for name in named if is_lost(name)]


@pytest.mark.parametrize(
    'name, lost',
    [
        ('configs/wflw/star_hg4.py', False),
        ('configs/wflw/star_hg5.py', True),
        ('mmfld/runtime', False),
        ('configs/{wflw,300w}/star_hg4.py', False),
        ('configs/{wflw,nowhere}/star_hg4.py', True),
        ('configs/wflw/*_crop-height.py', False),
        ('projects/reproduce/star.yml:wflw', False),
        ('projects/reproduce/star.yml:nowhere', True),
        ('mmfld predict', False),
    ],
)
def test_a_path_is_a_file_a_folder_a_pattern_or_a_row(name, lost):
    assert is_lost(name) == lost


def is_lost(name: str) -> bool:
    """Whether it is a path of the repository that is not there."""
    file, _, row = name.partition(':')
    if not PATH.fullmatch(file) or file == ANY:
        return False
    found = [list(ROOT.glob(one.rstrip('/'))) for one in expanded(file)]
    if not all(found):
        return True
    return bool(re.fullmatch(r'[\w.-]*[a-z0-9][\w.-]*', row)) and row != 'ROW' and row not in rows(found[0][0])


def expanded(pattern: str) -> list[str]:
    """``a/{b,c}`` -> ``a/b``, ``a/c``."""
    match = re.search(r'\{([^{}]*)\}', pattern)
    if not match:
        return [pattern]
    before, after = pattern[: match.start()], pattern[match.end() :]
    return [one for part in match[1].split(',') for one in expanded(before + part + after)]


@cache
def rows(path: Path) -> set[str]:
    """Names of the rows of a file of tables."""
    return set(re.findall(r'^ *-? *name: "?([\w.-]+)"?$', path.read_text(encoding='utf-8'), re.MULTILINE))


# ------------------------------------------------------------------------------------------------------------- commands
@documents
def test_every_command_names_a_tool_and_options_that_it_knows(path):
    assert not [fault for words in commands(path.read_text(encoding='utf-8')) for fault in command_faults(words)]


@pytest.mark.parametrize(
    'line, expected',
    [
        ('python tools/train.py CONFIG --resume --cfg-options a.b=1', []),
        ('python tools/train.py CONFIG --resumed', ['tools/train.py has no --resumed']),
        ('python tools/trane.py CONFIG', ['tools/trane.py does not exist']),
        (
            'OMP_NUM_THREADS=2 python -W ignore tools/test.py CONFIG FILE --out=FILE.json --nowhere',
            ['tools/test.py has no --nowhere'],
        ),
        ('mmfld predict photos/ --out found --ray --part-size 100', []),
        ('mmfld predict photos/ --config x', ['mmfld predict has no --config']),
        ('mmfld export CONFIG CHECKPOINT model.onnx --half --no-flip-test', []),
        ('mmfld sing', ['mmfld has no command sing']),
        ('mmfld track video.mp4 --out found --smooth --smoothed', ['mmfld track has no --smoothed']),
        ('mmfld train CONFIG --resume --quiet --loud', ['mmfld train has no --loud']),
        ('mmfld calibrate CONFIG CHECKPOINT DST --overwrite --over', ['mmfld calibrate has no --over']),
        ('mmfld convert wflw SRC --strict --stricter', ['mmfld convert has no --stricter']),
        ('mmfld convert wlfw SRC', ['mmfld convert knows no wlfw']),
        ('tools/dist_train.sh CONFIG 4 --accumulate', []),
        ('tools/dist_train.sh CONFIG 4 --accumulated', ['tools/dist_train.sh has no --accumulated']),
        (
            'bash tools/setup_env.sh --family forks && python tools/doctor.py --json --yaml',
            ['tools/doctor.py has no --yaml'],
        ),
    ],
)
def test_a_command_is_read_as_a_shell_reads_it(line, expected):
    text = f'```bash\n{line}   # words --behind\n```\n'
    assert [fault for words in commands(text) for fault in command_faults(words)] == expected


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a tool, a script or ``mmfld``, in blocks of code and between backticks."""
    blocks = [block for _, language, block in BLOCK.findall(text) if language in ('', 'bash', 'sh', 'console')]
    lines = [line for block in blocks for line in re.sub(r'\\\n', ' ', block).splitlines()]
    for line in itertools.chain(lines, spans(text)):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue  # prose with an apostrophe
        for command in _split(words):
            if command and (command[0] == 'mmfld' or TOOL.fullmatch(command[0])):
                yield command


def _split(words: list[str]) -> Iterator[list[str]]:
    """The commands of a line, without what stands before the tool."""
    for is_end, group in itertools.groupby(words, lambda word: word in ('&&', '||', '|', ';', 'do', 'done')):
        command = list(group)
        while not is_end and command and re.match(r'\w+=|(?:bash|python|-W|ignore)$', command[0]):
            command = command[1:]
        if not is_end and command:
            yield command


def command_faults(words: list[str]) -> Iterator[str]:
    """A sentence for each thing in a command that is not there."""
    name, given = words[0], words[1:]
    if name == 'mmfld':
        if not given or not re.fullmatch('[a-z]+', given[0]):
            return
        name, tools = f'mmfld {given[0]}', [ROOT / 'mmfld' / 'cli' / f'{given[0]}.py']
        if given[0] not in COMMANDS:
            yield f'mmfld has no command {given[0]}'
            return
        if given[0] == 'convert':
            known = converters()
            if given[1:2] and given[1] not in ('NAME', *known):
                yield f'mmfld convert knows no {given[1]}'
            tools = [known[word] for word in given[1:2] if word in known]
    else:
        tools = [path for one in expanded(name) for path in ROOT.glob(one)]
        if not tools and name != ANY:
            yield f'{name} does not exist'
    for word in given:
        option = word.partition('=')[0]
        if re.fullmatch(r'--[a-z][\w-]*', option) and name != TESTED_BY_PYTEST:
            if any(option not in options(tool) for tool in tools):
                yield f'{name} has no {option}'


@cache
def options(tool: Path) -> set[str]:
    """The options of a tool, from its text and the texts of the modules that it takes arguments from."""
    text = tool.read_text(encoding='utf-8')
    if tool.suffix == '.sh':
        called = [ROOT / 'tools' / name for name in re.findall(r'\$tools/(\w+\.py)', text)]
        return set(re.findall(r'(?<![\w-])--[a-z][\w-]*', text)).union(*map(options, called))
    tree = ast.parse(text)
    found = {'--help', *(['--quiet'] if tool.parent.name == 'cli' else [])}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == 'add_argument':
            names = [
                one.value for one in call.args if isinstance(one, ast.Constant) and str(one.value).startswith('--')
            ]
            found.update(names)
            if 'BooleanOptionalAction' in ast.unparse(call):
                found.update(f'--no-{name[2:]}' for name in names)
    for module in sources_of_arguments(tree, tool):
        found |= options(module)
    return found


def sources_of_arguments(tree: ast.Module, tool: Path) -> Iterator[Path]:
    """The modules whose functions that add arguments a tool uses, told by their names."""
    called = {match[1] for match in re.finditer(r'\b(\w+)\.add_\w*arguments\(', ast.unparse(tree))}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        folder = tool.parents[node.level - 1] if node.level else ROOT
        parts = node.module.split('.') if node.module else []
        for name in node.names:
            if name.name in called:  # from . import predict_bulk
                yield folder.joinpath(*parts, f'{name.name}.py')
            elif re.search('argument|parser|options', name.name):
                near = tool.with_name(f'{node.module}.py')
                module = near if near.is_file() and not node.level else folder.joinpath(*parts).with_suffix('.py')
                if module.is_file():
                    yield module
    if tool == ROOT / 'tools' / 'doctor.py':  # which is mmfld doctor
        yield ROOT / 'mmfld' / 'cli' / 'doctor.py'


# ---------------------------------------------------------------------------------------------------------------- texts
def spans(text: str) -> Iterator[str]:
    """What stands between single backticks, outside of blocks."""
    for found in SPAN.findall(BLOCK.sub('', text)):
        yield ' '.join(found.split())


def prose(text: str) -> str:
    """A text without code, in which brackets and parentheses are no links."""
    return SPAN.sub('', BLOCK.sub('', text))


@documents
def test_papers_have_names(path):
    assert not re.search(r'\bP[1-4]\b', path.read_text(encoding='utf-8'))


# ----------------------------------------------------------------------------------------------------------------- code
@pytest.mark.parametrize('page', RUN)
def test_the_code_of_a_page_runs(page):
    assert run_blocks(page, {})


@pytest.mark.parametrize('page', RUN_ON_A_PHOTOGRAPH)
def test_the_code_of_a_page_runs_on_a_photograph(page, tmp_path, monkeypatch, capsys):
    photograph = cv2.imread(str(get_sample_data('grace_hopper.jpg', asfileobj=False)))
    (tmp_path / 'photos').mkdir()
    for name in ('photo.jpg', 'photos/photo.jpg'):
        cv2.imwrite(str(tmp_path / name), photograph)
    monkeypatch.chdir(tmp_path)
    assert run_blocks(page, dict(frames=2 * [photograph]))
    assert page == 'start/predict.md' or capsys.readouterr().out


def test_no_page_has_code_that_nothing_runs():
    with_code = {path.relative_to(SITE).as_posix() for path in PAGES if python_blocks(path)}
    assert with_code == {*RUN, *RUN_ON_A_PHOTOGRAPH, *NOT_RUN_AS_THEY_STAND}


@pytest.mark.slow
@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path):
    code = '\n'.join(''.join(cell['source']) for cell in cells(path) if cell['cell_type'] == 'code')
    (tmp_path / 'notebook.py').write_text(code, encoding='utf-8')
    command = [sys.executable, '-W', 'ignore', 'notebook.py']
    environment = {**os.environ, 'MPLBACKEND': 'agg'}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_has_the_outputs_of_a_run_from_top_to_bottom(path):
    code = [cell for cell in cells(path) if cell['cell_type'] == 'code']
    assert [cell['execution_count'] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell['outputs']]
    assert outputs and not [output for output in outputs if output.get('name') == 'stderr']
    assert max(len(json.dumps(output)) for output in outputs) < LARGEST_OUTPUT


def test_the_tutorial_makes_annotations_and_a_config_that_are_read(tmp_path, monkeypatch):
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    folder = tmp_path / 'data' / 'mine'
    (folder / 'images').mkdir(parents=True)
    cv2.imwrite(str(folder / 'images' / 'anna.jpg'), np.zeros((120, 100, 3), np.uint8))
    points = np.random.default_rng(0).uniform(20, 80, (68, 2)).round(2)
    (folder / 'points.json').write_text(json.dumps({'anna.jpg': points.tolist()}))
    monkeypatch.chdir(tmp_path)
    annotate, config = python_blocks('start/own_data.md')
    exec(annotate, {})
    (folder / 'config.py').write_text(config)
    dataset = DATASETS.build({**read_config(str(folder / 'config.py')).train_dataloader.dataset, 'pipeline': []})
    assert len(dataset) == 1 and np.allclose(dataset[0]['keypoints'][0], points)


def test_the_tutorial_has_labels_made_corrected_and_read(tmp_path, monkeypatch):
    images = tmp_path / 'data/mine/images'
    images.mkdir(parents=True)
    (images / 'anna.jpg').write_bytes(Path(get_sample_data('grace_hopper.jpg', asfileobj=False)).read_bytes())
    monkeypatch.chdir(tmp_path)
    section = (SITE / 'start/own_data.md').read_text(encoding='utf-8').partition('### No labels yet?')[2]
    steps = [shlex.split(line, comments=True) for line in BLOCK.search(section)[3].splitlines()]
    assert [program for program, *_ in steps] == ['mmfld', 'mmfld', 'labelme', 'mmfld']
    for program, *arguments in steps:
        if program == 'mmfld':
            assert main(arguments) == 0
        else:  # the first point is dragged to another place
            file = images / 'anna.json'
            file.write_text(json.dumps({**(content := json.loads(file.read_text())), 'shapes': moved(content)}))
    (face,) = json.loads(Path('data/mine/annotations/faces.json').read_text())['annotations']
    with open('found/faces.csv', encoding='utf-8') as file:
        (row,) = csv.DictReader(file)
    made = np.array([[float(row[f'{axis}{n}']) for axis in 'xy'] for n in range(68)])
    corrected = np.reshape(face['keypoints'], (68, 3))[:, :2]
    assert corrected[0].tolist() == [30, 40] and np.allclose(corrected[1:], made[1:], atol=1e-5)


def moved(content: dict) -> list[dict]:
    """Shapes of labelme, the first at (30.5, 40.5) on its canvas."""
    first, *others = content['shapes']
    return [*others, {**first, 'points': [[30.5, 40.5]]}]


def run_blocks(page: str, names: dict) -> int:
    """Run the code of a page that is no config, block after block; how many there are."""
    blocks = [block for block in python_blocks(page) if '_base_' not in block]
    for block in blocks:
        exec(compile(block, page, 'exec'), names)
    return len(blocks)


def cells(path: Path) -> list[dict]:
    """Of a notebook."""
    return json.loads(path.read_text(encoding='utf-8'))['cells']


def python_blocks(page: str | Path) -> list[str]:
    return [
        block for _, language, block in BLOCK.findall((SITE / page).read_text(encoding='utf-8')) if language == 'python'
    ]


# ----------------------------------------------------------------------------------------------------------------- site
def test_each_paper_has_its_tables():
    found = written_pages.tables()
    assert sorted(found) == [f'tables_{paper}.md' for paper in ('attentive', 'star', 'structured', 'subpixel')]
    assert 'Table 5: Margin' in found['tables_structured.md'] and 'Restriction' in found['tables_star.md']


def test_each_package_has_a_page_of_its_modules():
    found = written_pages.api()
    assert '.. automodule:: mmfld.codecs.decoders\n' in found['api/codecs.rst']
    assert '.. automodule:: mmfld.runtime.detection.centerface\n' in found['api/runtime.rst']
    assert {path.parent.name for path in (ROOT / 'mmfld').glob('*/__init__.py')} <= {name[4:-4] for name in found}


def test_a_site_is_whole_by_itself(tmp_path):
    (tmp_path / 'a.html').write_text('<a href="b.html#there">b</a><a href="#here">a</a><p id="here"></p>')
    (tmp_path / 'b.html').write_text('<p id="there"></p><a href="https://a.org">elsewhere</a><img src="data:,">')
    assert check_links.faults(tmp_path) == []


def test_what_a_site_lacks_is_told(tmp_path):
    (tmp_path / 'a.html').write_text('<link href="https://a.org/f.css"><a href="c.html">c</a><a href="#gone">g</a>')
    assert check_links.faults(tmp_path) == [
        'a.html: needs https://a.org/f.css, expected a file of the site',
        'a.html: links to c.html, which does not exist',
        'a.html: links to #gone, which has no such anchor',
    ]
