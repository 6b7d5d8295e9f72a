"""The program as a whole: its help, how it ends, and what it prints where."""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mmfld.cli import predict
from mmfld.cli.main import COMMANDS, GROUPS, WITH_OPENMMLAB, main

PROGRAM = [sys.executable, '-W', 'ignore', '-m', 'mmfld']
FACES = 'convert synthetic-faces faces --train 1 --test 0 --image-size 64 --workers 1'.split()


def test_help_groups_the_commands(capsys):
    with pytest.raises(SystemExit, match='0'):
        main(['--help'])
    lines = capsys.readouterr().out.splitlines()
    titles = [lines.index(f'{title}:') for title in GROUPS]
    assert titles == sorted(titles)
    assert [line.split()[0] for line in lines if line.startswith('  ')] == list(COMMANDS)


@pytest.mark.parametrize('name', sorted(set(COMMANDS) - {'demo'}))
def test_every_command_is_a_module(name):
    assert importlib.util.find_spec(f'mmfld.cli.{name}')


@pytest.mark.parametrize(
    'arguments', [['--help'], *([name, '--help'] for name in COMMANDS), ['convert', 'wflw', '--help']], ids=' '.join
)
def test_help_does_not_import_torch(arguments):
    command = [PROGRAM[0], '-X', 'importtime', *PROGRAM[1:], *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    imported = re.findall(r'\| +([\w.]+)$', done.stderr, re.MULTILINE)
    assert done.returncode == 0 and 'mmfld.cli.main' in imported
    assert not {'torch', 'mmengine', 'mmpose'} & set(imported)


def test_nothing_is_registered_before_it_is_asked_for_where_that_is_said():
    script = """
import sys
import mmfld.bulk
assert not {'torch', 'mmpose'} & {*sys.modules}
import mmfld.apis
from mmpose.registry import MODELS
print(MODELS.get('HourglassAAM').__name__)
"""
    environment = os.environ | {'MMFLD_LAZY': '1'}
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, env=environment)
    assert done.stdout == 'HourglassAAM\n', done.stderr


def test_a_command_with_torch_says_that_it_is_loaded_unless_it_is_quiet(tmp_path):
    command = [*PROGRAM, 'train', 'star.yml:nothing']
    shown, quiet = (
        subprocess.run([*command, *more], capture_output=True, text=True, cwd=tmp_path).stderr
        for more in ([], ['--quiet'])
    )
    assert shown == f'mmfld: loading PyTorch and MMPose ...\n{quiet}' and quiet.startswith('mmfld train: ')


@pytest.mark.parametrize('name', WITH_OPENMMLAB)
def test_without_openmmlab_a_command_says_what_to_install(name, monkeypatch, capsys):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name, *package: None if name == 'mmpose' else real(name))
    files = dict(test=1, calibrate=2, export=2).get(name, 0)
    assert main([name, 'anything', *['file'] * files]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f'mmfld {name}: mmfld needs mmpose') and 'pip install --no-deps mmpose' in error
    assert error.count('\n') == 1


def test_without_its_extra_the_demo_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'mmfld.cli.demo', None)
    assert main(['demo']) == 1
    error = capsys.readouterr().err
    assert error.startswith("mmfld demo: needs what the extra 'demo' brings (")
    assert error.endswith('run `pip install mmfld[demo]`\n') and error.count('\n') == 1


@pytest.mark.parametrize(
    'arguments, message',
    [
        ([], 'required: COMMAND'),
        (['sing'], "invalid choice: 'sing' (choose from"),
        (['trian'], '; did you mean train? (see mmfld --help)'),
        (['--nonsense'], 'mmfld: the following arguments are required: COMMAND'),
        (['--nonsense', 'benchmark', 'photo.jpg'], 'mmfld: unrecognized arguments: --nonsense'),
        (['convert', 'wlfw'], "mmfld convert: argument NAME: invalid choice: 'wlfw'"),
        (['convert', 'wlfw'], '; did you mean wflw? (see mmfld convert --help)'),
        (['align', 'a', '--out', 'b', '--template', 'arc_face'], '; did you mean arcface? (see mmfld align --help)'),
        (
            ['align', 'a', '--out', 'b', '--size=1', '--template=ffhq', '--tread', '2'],
            'mmfld align: unrecognized arguments: --tread 2; did you mean --threads? (see mmfld align --help)',
        ),
        (['align', 'a', '--out', 'b', '--siz', '1'], 'unrecognized arguments: --siz 1; did you mean --size?'),
        (['--print-completion', 'ksh'], "invalid choice: 'ksh'"),
    ],
)
def test_what_is_no_command_is_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit, match='2'):
        main(arguments)
    output = capsys.readouterr()
    assert message in output.err and output.err.count('\n') == 1 and output.out == ''


@pytest.mark.parametrize('buffered', [True, False])
def test_results_that_nobody_reads_end_it_without_a_word(buffered, tmp_path):
    read, write = os.pipe()
    os.close(read)
    command, environment = [*PROGRAM, *FACES], {**os.environ, 'PYTHONUNBUFFERED': '' if buffered else '1'}
    done = subprocess.run(
        [*command, '--quiet'], cwd=tmp_path, env=environment, stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, '')


@pytest.fixture
def ends_with(monkeypatch):
    """Lets ``mmfld predict`` end with an error; returns its exit status."""

    def ends_with(error):
        def run(args):
            raise error

        monkeypatch.setattr(predict, 'run', run)
        return main(['predict', 'photo.jpg', '--out', 'out'])

    return ends_with


def test_ctrl_c_is_a_status_and_no_traceback(ends_with, capsys):
    assert ends_with(KeyboardInterrupt()) == 130
    assert capsys.readouterr() == ('', '')


@pytest.mark.parametrize(
    'error, status',
    [
        (argparse.ArgumentError(None, 'that is wrong'), 2),
        (OSError('that is wrong'), 1),
        (ImportError('that is wrong'), 1),
        (ValueError('that is wrong'), 1),
        (BrokenPipeError('that is wrong'), 1),  # of another pipe than stdout
    ],
)
def test_an_error_is_one_line(ends_with, error, status, capsys):
    assert ends_with(error) == status
    assert capsys.readouterr().err == 'mmfld predict: that is wrong\n'


def test_a_quiet_command_prints_results_alone(tmp_path):
    faces = [
        'convert',
        'synthetic-faces',
        'faces',
        '--train',
        '1',
        '--test',
        '0',
        '--image-size',
        '64',
        '--workers',
        '1',
    ]
    done = subprocess.run([*PROGRAM, *faces, '--quiet'], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'faces/annotations/synthetic_300w68_train.json: 1 face\n' in done.stdout


def test_the_shell_completes_commands_options_names_and_files(monkeypatch, capsys):
    def complete(parser, shell):
        (commands,) = (action for action in parser._actions if action.dest == 'command')
        assert list(commands.choices) == list(COMMANDS)
        actions = {name: command._actions for name, command in commands.choices.items()}
        (config,) = (action for action in actions['train'] if action.dest == 'config')
        (converter,) = (action for action in actions['convert'] if action.dest == 'name')
        (threads,) = (action for action in actions['align'] if action.dest == 'threads')
        assert config.complete == 'files' and 'wflw' in converter.choices and not hasattr(threads, 'complete')
        options = {name: {option for one in known for option in one.option_strings} for name, known in actions.items()}
        assert {'--resume', '--quiet'} <= options['train'] and '--track' in options['predict'] - options['track']
        return f'completion for {shell}'

    monkeypatch.setitem(sys.modules, 'shtab', SimpleNamespace(FILE='files', complete=complete))
    with pytest.raises(SystemExit) as end:
        main(['--print-completion', 'zsh'])
    assert not end.value.code and capsys.readouterr().out == 'completion for zsh\n'


def test_without_shtab_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'shtab', None)
    with pytest.raises(SystemExit, match='1'):
        main(['--print-completion', 'bash'])
    assert 'run `pip install mmfld[completion]`' in capsys.readouterr().err


@pytest.mark.parametrize(
    'command, option', [('predict', '--orientation'), ('demo', '--max-seconds'), ('align', '--template')]
)
def test_help_of_a_command_describes_its_options(command, option, capsys):
    with pytest.raises(SystemExit, match='0'):
        main([command, '--help'])
    printed = capsys.readouterr().out
    assert printed.startswith(f'usage: mmfld {command} ') and option in printed.partition('options:')[2]
