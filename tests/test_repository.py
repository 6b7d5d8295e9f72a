"""Files of the repository by their paths and short names."""

import pytest

from mmfld import repository
from mmfld.repository import REPOSITORY, find, nearest_names, runnable

STAR = REPOSITORY / 'configs/wflw/star_hg4.py'


@pytest.mark.parametrize(
    'name, path',
    [
        ('configs/wflw/star_hg4.py', STAR),
        ('wflw/star_hg4', STAR),
        ('wflw/star_hg4.py', STAR),
        ('configs/wflw/star_hg4', STAR),
        ('mmfld_best_mini', REPOSITORY / 'configs/300w/mmfld_best_mini.py'),
        ('structured_hg4_crop-height.py', None),
        ('star.yml', REPOSITORY / 'projects/reproduce/star.yml'),
        ('reproduce/star.yml', REPOSITORY / 'projects/reproduce/star.yml'),
        ('star', None),
        ('tar_hg4', None),
        ('', None),
        ('.', None),
    ],
)
def test_the_end_of_a_path_is_enough(name, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name == 'structured_hg4_crop-height.py':
        with pytest.raises(FileNotFoundError, match='configs/300w/structured_hg4_crop-height.py, configs/wflw'):
            find(name)
    else:
        assert find(name) == path


def test_a_file_goes_before_a_short_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'wflw').mkdir()
    mine = tmp_path / 'wflw/star_hg4.py'
    mine.write_text('')
    assert find('wflw/star_hg4.py') == mine and find('wflw/star_hg4') == STAR
    (tmp_path / 'paper.yml').write_text('')
    assert find('wflw/star_hg4.py', beside=tmp_path / 'paper.yml') == mine


def test_a_name_of_several_files_is_an_error_that_names_them(tmp_path, monkeypatch):
    for folder in ('wflw', 'cofw', '_base_'):
        (tmp_path / 'configs' / folder).mkdir(parents=True)
        (tmp_path / 'configs' / folder / 'method.py').write_text('')
    monkeypatch.setattr(repository, 'REPOSITORY', tmp_path)
    with pytest.raises(FileNotFoundError) as error:
        find('method')
    assert str(error.value) == (
        'method stands for configs/cofw/method.py, configs/wflw/method.py: expected one of them'
    )
    assert find('wflw/method') == tmp_path / 'configs/wflw/method.py'


def test_near_names_are_those_with_the_same_words_and_then_letters():
    names = {name: name for name in ('wflw/star_hg4', 'wflw/structured_hg2', 'cofw/star_hg4', '300w/fan_hg4')}
    assert nearest_names('star_hg4_wflw', names, 2) == ['wflw/star_hg4', 'cofw/star_hg4']
    assert nearest_names('wflw/strcutured_hg2', names, 1) == ['wflw/structured_hg2']
    assert nearest_names('strucured', names, 1) == ['wflw/structured_hg2']


def test_a_tool_is_named_so_that_it_can_be_called_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    assert runnable('tools/doctor.py') == 'tools/doctor.py'
    monkeypatch.chdir(tmp_path)
    assert runnable('tools/doctor.py') == str(REPOSITORY / 'tools/doctor.py')
