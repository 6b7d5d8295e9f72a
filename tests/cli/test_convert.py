"""``mmfld convert`` and the other commands that are tools."""

import importlib
import sys
from pathlib import Path

import pytest

from mmfld.cli import tool
from mmfld.cli.convert import converters
from mmfld.cli.main import main
from mmfld.repository import REPOSITORY


def test_every_tool_of_the_folder_is_listed_with_what_it_does(capsys):
    assert main(['convert']) == 0
    lines = capsys.readouterr().out.splitlines()
    files = [path for path in (REPOSITORY / 'tools/dataset_converters').glob('*.py') if path.stem[0] != '_']
    assert sorted(converters().values()) == sorted(files)
    for name in converters():
        (line,) = (line for line in lines if line.split()[:1] == [name])
        assert len(line.split()) > 4


def test_it_runs_the_tool_as_if_it_were_started(tmp_path, monkeypatch, capsys):
    before = list(sys.argv), list(sys.path)
    assert main(['convert', 'wflw', str(tmp_path), '--out', str(tmp_path / 'out')]) == 1
    assert f'{tmp_path}: found no folder WFLW_images' in capsys.readouterr().err
    with pytest.raises(SystemExit, match='0'):
        main(['convert', '300w-lp', '--help'])
    assert capsys.readouterr().out.startswith('usage: mmfld convert 300w-lp')
    assert (sys.argv, sys.path) == before


def test_modules_of_a_tool_are_not_in_the_way_of_another_folder(monkeypatch, capsys):
    main(['reproduce', 'starr'])
    other = REPOSITORY / 'projects/benchmark_300w/run.py'
    monkeypatch.syspath_prepend(str(other.parent))
    try:
        assert Path(importlib.import_module('run').__file__) == other
    finally:
        del sys.modules['run']


def test_calibrate_is_its_tool_and_ends_as_that_does(tmp_path, capsys):
    assert main(['calibrate', '300w/structured_hg2_mini', str(tmp_path / 'no.pth'), str(tmp_path / 'to.pth')]) == 1
    error = capsys.readouterr().err
    assert error.startswith('mmfld calibrate: error: ') and 'no.pth' in error and error.count('\n') == 1


def test_reproduce_is_its_tool(capsys):
    assert main(['reproduce', 'starr']) == 2
    assert "unknown paper 'starr'; near: star" in capsys.readouterr().err


def test_a_tool_that_is_not_installed_needs_a_checkout(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, 'REPOSITORY', tmp_path)
    assert main(['reproduce', 'star']) == 1
    assert capsys.readouterr().err == (
        f'mmfld reproduce: projects/reproduce/run.py is not in {tmp_path}: this command needs a checkout of the '
        'repository\n'
    )
