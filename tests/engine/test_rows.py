"""Rows of tables: what can be wrong in a file of them, and how a row becomes a config."""

import pytest

from mmfld.engine.rows import REPOSITORY, read_config, read_rows

ROW = """
- name: {name}
  tables: {{Table 1: l1}}
  config: configs/wflw/star_hg4.py
  data: WFLW
  normalizer: inter_ocular
"""
HEAD = """
paper: A paper
venue: Nobody, 2000
tables:
  Table 1: {title: Faces, metrics: [NME, FR/blur]}
rows:
"""


@pytest.fixture
def rows(tmp_path):
    """Writes a file with the row ``one`` and more lines of it, or with another row; its name."""

    def write(more: str = '', old: str = '', new: str = '') -> str:
        text = (HEAD + ROW.format(name='one').lstrip('\n')).replace(old or '\0', new) + more
        (tmp_path / 'paper.yml').write_text(text)
        return str(tmp_path / 'paper.yml')

    return write


@pytest.mark.parametrize(
    'more, message',
    [
        ('  seed: 3\n', "found the unknown field 'seed'; near: seeds"),
        ('  seeds: 0\n', 'seeds: found 0, expected a whole number from 1'),
        ('  seeds: true\n', 'seeds: found True, expected a whole number from 1'),
        ('  data: COFW\n', 'duplicate key "data"'),
        ('  paper: {NME: "3.9"}\n', 'expected numbers by metric'),
        ('  paper: {NMA: 3.9}\n', 'expected numbers by metric'),
        ('  paper: {FR/blurr: 3.9}\n', "paper: found 'FR/blurr', which is no metric of its tables; near: FR/blur"),
        ('  options: [3]\n', 'options: found [3], expected values by keys with dots'),
        ('  trained_as: tow\n', "trained_as is 'tow', expected a row that is trained"),
        ('  starts_from: one\n', 'starts_from goes round in a circle: one -> one'),
        ('  starts_from: one\n  trained_as: one\n', 'found trained_as and starts_from, expected one of them'),
        ('  paper: {NME: .nan}\n', 'expected numbers by metric'),
        ('  options: {combined: {}}\n', 'expected values by keys with dots'),
        (ROW.format(name='one'), 'found this name twice'),
        (ROW.format(name='a/b'), "name: found 'a/b', expected a name of letters"),
        (ROW.format(name='two').replace('Table 1', 'Table 2'), "found the unknown table 'Table 2'; near: Table 1"),
        (ROW.format(name='two').replace('inter_ocular', 'ocular'), "normalizer: found 'ocular', expected one of"),
        (ROW.format(name='two').replace('  data: WFLW\n', ''), "found no field 'data', expected a text"),
    ],
)
def test_what_is_wrong_in_a_row_is_named(rows, more, message):
    with pytest.raises(ValueError) as error:
        read_rows(rows(more))
    assert message in str(error.value) and 'paper.yml' in str(error.value)


@pytest.mark.parametrize(
    'old, new, message',
    [
        ('metrics: [NME, FR/blur]', 'metrics: NME', "table Table 1: metrics: found 'NME', expected a list of metrics"),
        ('title: Faces, ', '', "table Table 1: found no field 'title'"),
        ('title: Faces, ', 'title: Faces, note: 3, ', 'table Table 1: note: found 3, expected a text'),
        ('venue: Nobody, 2000\n', '', "found no field 'venue'"),
        ('rows:\n', 'rows: [\n', 'no valid yml'),
    ],
)
def test_what_is_wrong_in_a_file_is_named(rows, old, new, message):
    with pytest.raises(ValueError) as error:
        read_rows(rows(old=old, new=new))
    assert message in str(error.value)


@pytest.mark.parametrize(
    'option, kind, message',
    [
        (
            'model.head.los_landmark.distance: l1',
            KeyError,
            "found nothing named 'los_landmark' there; near: loss_landmark",
        ),
        ('model.head.loss_landmark.distnce: l1', KeyError, "found nothing named 'distnce' there; near: distance"),
        ('model.head.loss_landmark: {distnce: l1}', KeyError, "found nothing named 'distnce' there; near: distance"),
        ('train_cfg.max_epoch: 3', KeyError, "found nothing named 'max_epoch' there; near: max_epochs"),
        ('param_scheduler.9.gamma: 0.5', KeyError, "found nothing named '9' there"),
        ('layout.name: wflw98', KeyError, "layout is 'wflw98', expected a part of the config with settings"),
        ('train_cfg.max_epochs: "3"', ValueError, "found '3', expected a number in the place of 500"),
        # yml takes it for a text
        ('model.backbone.attention_maps: no', ValueError, "found 'no', expected true or false in the place of True"),
        ('model.test_cfg.flip_test: 1', ValueError, 'found 1, expected true or false in the place of False'),
        ('train_pipeline: $sngle_pipeline', KeyError, "the config has no variable 'sngle_pipeline'"),
        ('test_evaluator.norm: box', ValueError, "found the normalizer 'inter_ocular', expected 'box'"),
    ],
)
def test_an_option_that_fits_nothing_is_named(rows, option, kind, message):
    with pytest.raises(kind) as error:
        read_config(rows(f'  options: {{{option}}}\n') + ':one')
    assert message in error.value.args[0] and 'paper.yml:one' in error.value.args[0] or 'variable' in message


def test_an_option_that_may_be_new_is_taken(rows):
    options = '{optim_wrapper.accumulative_counts: 2, optim_wrapper.optimizer.lr: 1e-3}'
    cfg = read_config(rows(f'  options: {options}\n') + ':one')
    assert cfg.optim_wrapper.accumulative_counts == 2 and cfg.optim_wrapper.optimizer.lr == 0.001


def test_a_config_beside_the_file_of_rows_is_found(rows, tmp_path, monkeypatch):
    (tmp_path / 'own.py').write_text(
        f'_base_ = [{str(REPOSITORY / "configs/wflw/star_hg4.py")!r}]\ntrain_cfg = dict(max_epochs=7)\n'
    )
    monkeypatch.chdir('/')
    assert read_config(rows(old='configs/wflw/star_hg4.py', new='own.py') + ':one').train_cfg.max_epochs == 7


@pytest.mark.parametrize(
    'name, kind, message',
    [
        ('projects/reproduce/star.yml:table4-weight-11', KeyError, 'near: table4-weight-1'),
        ('projects/reproduce/star.yml', ValueError, 'found a file of rows, expected one of them'),
        ('configs/wflw/star_hg.py', FileNotFoundError, 'near: configs/wflw/'),
        ('starr.yml:wflw', FileNotFoundError, 'projects/reproduce/star.yml'),
        # once a config of its own
        ('configs/wflw/structured_hg4_margin-none.py', FileNotFoundError, 'structured.yml:table5-margin-none'),
        ('README.md', ValueError, 'found a .md file, expected a config, .py'),
    ],
)
def test_a_name_of_nothing_names_the_near_ones(name, kind, message):
    with pytest.raises(kind) as error:
        read_config(name)
    assert message in str(error.value)
