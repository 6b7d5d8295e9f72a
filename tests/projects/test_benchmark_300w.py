"""The comparison on 300W: a row from training to its file, the arithmetic of the report, and that it is up to date."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from mmengine import Config

from mmfld.engine.rows import read_config, read_rows

PROJECT = Path(__file__).resolve().parents[2] / 'projects/benchmark_300w'


@pytest.fixture(scope='module')
def study():
    """The modules by name; they import each other as scripts in one folder do."""
    names = ('run', 'report')
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT))
        modules = {name: importlib.import_module(name) for name in names}
    for name in names:
        del sys.modules[name]
    return type('Study', (), modules)


@pytest.fixture
def tiny(study, synthetic_faces, tmp_path, monkeypatch):
    """Rows with a narrow network on a few rendered faces, in a folder of their own."""
    data = dict(data_root=str(synthetic_faces))
    train = dict(data, ann_file='annotations/synthetic_300w68_train.json')
    test = dict(data, ann_file='annotations/synthetic_300w68_test.json')
    loader = dict(num_workers=0, persistent_workers=False)
    (tmp_path / 'subpixel.py').write_text(f"""
_base_ = [{str(PROJECT / 'configs/subpixel.py')!r}]
model = dict(backbone=dict(width=16, num_levels=2))
train_cfg = dict(max_epochs=2)
train_dataset = {train}
val_dataset = test_dataset = {test}
train_dataloader = dict(batch_size=4, **{loader})
val_dataloader = test_dataloader = {loader}
from mmfld.engine.combine import combine
combine(globals())
""")
    content = yaml.safe_load((PROJECT / 'rows.yml').read_text())
    content['rows'] = [
        dict(row, config=str(tmp_path / 'subpixel.py'))
        for row in content['rows']
        if row['name'] in ('subpixel', 'subpixel_argmax')
    ]
    (tmp_path / 'rows.yml').write_text(yaml.safe_dump(content))
    monkeypatch.setattr(study.run, 'ROWS', read_rows(tmp_path / 'rows.yml').rows)
    monkeypatch.setattr(study.run, 'RESULTS', tmp_path / 'results')
    monkeypatch.setattr(study.run, 'WORK_DIR', tmp_path / 'work_dirs')
    return tmp_path


def test_a_row_from_training_to_its_file(study, tiny, capfd):
    result = study.run.run('subpixel', seed=3, lr=1e-3)
    path = tiny / 'results/subpixel_lr-0.001_seed-3.json'
    curve = {int(epoch): nme for epoch, nme in json.loads(path.read_text())['selection_nme'].items()}
    assert sorted(curve) == [1, 2] and result['selected_epoch'] == min(curve, key=curve.get)
    assert (result['seed'], result['lr'], result['epochs']) == (3, 1e-3, 2)
    trained = Config.fromfile(tiny / 'work_dirs/subpixel_lr-0.001_seed-3/subpixel.py')
    assert (trained.randomness.seed, trained.train_dataloader.dataset.seed) == (3, 3)
    # the same faces select and test here, so that the test shows that the selected epoch was tested
    assert result['common']['NME'] == pytest.approx(min(curve.values()), abs=1e-3)

    capfd.readouterr()
    study.run.run('subpixel', seed=3, lr=1e-3)
    assert 'is there already' in capfd.readouterr().out
    # another way of reading the same network trains nothing
    decoded = study.run.run('subpixel_argmax', seed=3, lr=1e-3)
    out = capfd.readouterr().out
    assert 'trained already' in out and 'Epoch(train)' not in out
    assert decoded['trained_as'] == 'subpixel' and decoded['common']['NME'] != result['common']['NME']


def test_an_interrupted_training_goes_on(study, tiny, capfd):
    folder = tiny / 'work_dirs/subpixel_seed-0'
    study.run.train('subpixel', 0, None, folder)
    whole = study.run.selection_curve(folder)
    (folder / 'epoch_2.pth').unlink()
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
    capfd.readouterr()
    study.run.train('subpixel', 0, None, folder)
    out = capfd.readouterr().out
    assert 'Epoch(train) [2]' in out.replace('  ', ' ') and 'Epoch(train) [1]' not in out.replace('  ', ' ')
    assert study.run.selection_curve(folder) == pytest.approx(whole, rel=1e-3)


def result(row: str, curve: list, seed: int = 0, lr: float = 2e-3) -> dict:
    return dict(
        row=row,
        trained_as=row,
        seed=seed,
        lr=lr,
        epochs=len(curve),
        common=dict(NME=curve[-1], FR=1.0, AUC=0.5),
        selection_nme={epoch: nme for epoch, nme in enumerate(curve, 1)},
    )


def test_convergence_at_the_common_and_at_the_best_rates(study):
    results = [
        result('star', [10.0, 8.0, 6.0, 5.0, 4.0]),
        result('structured', [8.0, 4.0, 3.0, 3.0, 3.0]),
        result('star', [12.0, 10.0, 8.0, 7.0, 6.0], lr=4e-3),
        result('structured', [8.0, 5.0, 3.0, 3.0, 2.0], lr=4e-3),
        # a rate that one alone was tried with does not count
        result('structured', [1.0] * 5, lr=1e-3),
    ]
    common40, common100, best40, best100 = study.report.convergence(results)
    assert common40['comparison'] == pytest.approx((2.0, 8.0, 1.0))
    assert common100['comparison'] == pytest.approx((5.0, 4.0, 2.0))
    assert best100['rates'] == [2e-3, 4e-3] and best100['comparison'].needed == pytest.approx(2.5)


def test_rows_have_mean_and_range_over_seeds(study):
    table = study.report.rows_table(
        [result('star', [4.0]), result('star', [5.0], seed=1), result('star', [9.0], lr=1.0)]
    )
    assert '4.50 (4.00-5.00)' in table and '9.00' not in table


def test_readme_shows_what_is_in_the_results(study):
    results = study.report.read_results()
    text = study.report.README.read_text()
    assert study.report.fill(text, results) == text
    rows = {one['row'] for one in results}
    assert rows <= set(study.run.ROWS) and set(study.report.NAMES) == set(study.run.ROWS)
    for one in results:
        row = study.run.ROWS[one['row']]
        assert one['trained_as'] == (row.trained_as or row.name)
        assert one['epochs'] == read_config(str(row)).train_cfg.max_epochs == len(one['selection_nme']), one['row']


def test_pictures(study, tmp_path, monkeypatch):
    curve = list(np.linspace(10, 4, 5))
    results = [result('star', curve), result('structured', curve[1:] + [3.9])]
    study.report.draw_headlines(results, tmp_path / 'curves.png')
    study.report.draw_convergence(results, tmp_path / 'convergence.png')
    assert all((tmp_path / name).stat().st_size > 5000 for name in ('curves.png', 'convergence.png'))
