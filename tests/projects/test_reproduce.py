"""Reproducing papers: plans, runs that fail, are killed and go on, tables, rehearsals, what is written from rows."""

import csv
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from mmfld.engine.rows import read_config, read_rows

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = REPOSITORY / 'projects/reproduce'
MODULES = ('run', 'plan', 'tables', 'training', 'rendered', 'rehearse', 'write_tables')


@pytest.fixture(scope='module')
def study():
    """The modules by name; they import each other as scripts in one folder do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT))
        yield type('Study', (), {name: importlib.import_module(name) for name in MODULES})
        # another study may have a module of the same name
        for name in MODULES:
            del sys.modules[name]


ROWS = dict(
    paper='A paper',
    venue='Nobody, 2000',
    tables={'Table 1': dict(title='Faces', metrics=['NME', 'FR'])},
    rows=[
        dict(
            name='plain',
            tables={'Table 1': 'plain'},
            config='configs/wflw/structured_hg4.py',
            data='WFLW',
            normalizer='inter_ocular',
            paper={'NME': 3.99},
        ),
        dict(
            name='broken',
            tables={'Table 1': 'broken'},
            config='configs/wflw/structured_hg4.py',
            data='WFLW',
            normalizer='inter_ocular',
            options={'model.head.loss_landmark.margin': 'l7'},
        ),
        dict(
            name='argmax',
            tables={'Table 1': 'argmax'},
            config='configs/wflw/structured_hg4.py',
            data='WFLW',
            normalizer='inter_ocular',
            options={'codec.decoder': 'argmax'},
            trained_as='plain',
        ),
        dict(
            name='of-broken',
            tables={'Table 1': 'argmax of broken'},
            config='configs/wflw/structured_hg4.py',
            data='WFLW',
            normalizer='inter_ocular',
            options={'codec.decoder': 'argmax'},
            trained_as='broken',
        ),
    ],
)


@pytest.fixture
def paper(tmp_path):
    """A file with four rows: one that trains, one that fails, and one that reads the weights of each."""
    path = tmp_path / 'paper.yml'
    path.write_text(yaml.safe_dump(ROWS, sort_keys=False))
    return path


@pytest.fixture
def tiny(study, monkeypatch):
    """Simulations of 16 faces, 2 epochs and a narrow network."""
    monkeypatch.setattr(study.run, 'SIMULATED_FACES', dict(train=16, test=4, image_size=96))
    monkeypatch.setattr(study.run, 'SIMULATED_EPOCHS', 2)
    monkeypatch.setattr(study.rendered, 'WIDTH', 16)


def test_a_dry_run_lists_the_rows_of_all_papers_without_any_data(study, tmp_path, capsys):
    assert study.run.main(['all', '--dry-run', '--data-root', str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    rows = [line for line in printed.splitlines() if line.startswith(study.plan.PAPERS) and '(' in line]
    assert sum(': - ' not in line for line in rows) >= 100
    assert any('structured' in line and 'table5-margin-none' in line and 'NME 4.01' in line for line in rows)
    assert '0 of 0' not in printed and 'GPU hours of an A6000' in printed


def test_missing_data_start_nothing(study, tmp_path, capsys):
    assert (
        study.run.main(
            ['star', '--only', 'wflw', '--data-root', str(tmp_path / 'data'), '--work-dir', str(tmp_path / 'work')]
        )
        == 2
    )
    printed = capsys.readouterr().out
    assert f'{tmp_path}/data/wflw/annotations/face_landmarks_wflw_train.json: found no such file' in printed
    assert 'convert_wflw.py' in printed and 'Nothing was started' in printed
    assert not (tmp_path / 'work').exists()


@pytest.mark.parametrize(
    'args, near',
    [
        (['strcutured'], 'structured'),
        (['star', '--only', 'Tabel 3'], 'Table 3'),
        (['star', '--only', 'table3-basic-l1-wlfw'], 'table3-basic-l1-wflw'),
    ],
)
def test_an_unknown_paper_table_or_row_names_the_near_ones(study, args, near, capsys):
    assert study.run.main([*args, '--dry-run']) == 2
    assert f'near: {near}' in capsys.readouterr().err


def test_a_row_comes_after_the_one_whose_weights_it_needs_with_as_many_seeds(study, tmp_path):
    (paper,) = study.plan.read_papers('attentive1d')
    runs = study.plan.make_runs(paper, [paper.row('talking-face')], 2, tmp_path)
    assert [(run.row.name, run.seed) for run in runs] == [
        (name, seed) for name in ('300vw-alone-detector', '300vw-alone', 'talking-face') for seed in (0, 1)
    ]


def test_gpu_hours_follow_the_time_that_the_structured_paper_reports(study):
    (paper,) = study.plan.read_papers('structured')
    assert study.plan.cost(paper.row('wflw')).gpu_hours == pytest.approx(40, rel=0.01)
    (star,) = study.plan.read_papers('star')
    assert study.plan.cost(star.row('wflw')).gpu_hours == pytest.approx(100, rel=0.01)
    (subpixel,) = study.plan.read_papers('subpixel')
    assert study.plan.cost(subpixel.row('menpo')).gpu_hours == 0  # weights of another row


def test_a_run_that_fails_is_listed_and_the_others_go_on(study, paper, tiny, tmp_path, capsys):
    arguments = [str(paper), '--simulate', '--work-dir', str(tmp_path / 'work')]
    assert study.run.main(arguments) == 1
    printed = capsys.readouterr().out
    assert 'failed: paper broken, seed 0: training ended with status 1: train.py: error: unknown margin' in printed
    assert 'failed: paper of-broken, seed 0: needs paper broken, seed 0, which failed' in printed
    assert (tmp_path / 'work/paper/broken/seed-0/train.log').is_file()
    results = {
        name: json.loads((tmp_path / f'work/paper/{name}/seed-0.json').read_text())['NME']
        for name in ('plain', 'argmax')
    }
    assert results['plain'] != results['argmax']

    with open(tmp_path / 'work/tables/tables.csv', newline='') as file:
        lines = {(line['name'], line['metric']): line for line in csv.DictReader(file)}
    assert float(lines['plain', 'NME']['mean']) == results['plain']
    assert lines['plain', 'NME']['paper_value'] == '3.99' and lines['argmax', 'NME']['paper_value'] == ''
    table = (tmp_path / 'work/tables/tables.md').read_text()
    assert f'| plain  | 3.99       | {results["plain"]:.2f}' in table and 'Simulated' in table
    assert (tmp_path / 'work/tables/tables.png').stat().st_size > 5000
    assert 'ours' not in yaml.safe_load(paper.read_text())['rows'][0]  # simulations stay out of the rows

    # what is finished is not done again
    logs = {path: path.stat().st_mtime_ns for path in (tmp_path / 'work/paper/plain').rglob('*.log')}
    assert study.run.main([*arguments, '--only', 'plain']) == 0
    assert logs == {path: path.stat().st_mtime_ns for path in (tmp_path / 'work/paper/plain').rglob('*.log')}

    # nor gone on with as something else
    study.run.SIMULATED_EPOCHS = 3
    assert study.run.main([*arguments, '--only', 'plain']) == 1
    printed = capsys.readouterr().out
    assert 'was begun with another config, which differs in train_cfg.max_epochs' in printed


def kill_all(text: str) -> None:
    """Kill every process that has the text in its command line."""
    listed = subprocess.run(['ps', '-A', '-ww', '-o', 'pid=,args='], capture_output=True, text=True).stdout
    for line in listed.splitlines():
        pid, arguments = line.split(maxsplit=1)
        if text in arguments:
            os.kill(int(pid), signal.SIGKILL)


def test_a_folder_in_use_is_left_alone(study, tmp_path):
    with study.training._held(tmp_path), pytest.raises(study.training.RunFailed, match='in use by another process'):
        with study.training._held(tmp_path):
            pass


def test_a_killed_run_goes_on_from_its_last_checkpoint(paper, tmp_path):
    script = tmp_path / 'reproduce.py'
    script.write_text(
        f'import sys; sys.path.insert(0, {str(PROJECT)!r})\n'
        'import run, rendered\n'
        'run.SIMULATED_FACES = dict(train=32, test=4, image_size=96)\n'
        'run.SIMULATED_EPOCHS = 6\n'
        'rendered.WIDTH = 16\n'
        'if __name__ == "__main__":\n    sys.exit(run.main())\n'
    )
    command = [
        sys.executable,
        '-W',
        'ignore',
        str(script),
        str(paper),
        '--simulate',
        '--only',
        'plain',
        '--work-dir',
        str(tmp_path / 'work'),
    ]
    folder = tmp_path / 'work/paper/plain/seed-0'
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 240
    while not (folder / 'last_checkpoint').is_file() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    kill_all(str(tmp_path))
    killed.wait()
    assert (folder / 'last_checkpoint').is_file() and not (folder / 'epoch_6.pth').is_file()

    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stdout + again.stderr
    log = (folder / 'train.log').read_text()
    assert log.count('$ bash') == 2 and '--resume' in log
    assert 'resumed epoch: ' in log and 'Epoch(train) [6]' in log
    assert json.loads(folder.with_suffix('.json').read_text())['NME'] > 0


def test_a_finished_run_without_checkpoint_or_nme_is_a_failed_one(study, tmp_path):
    paper = read_rows(PROJECT / 'star.yml')
    run = study.plan.make_run(paper, paper.row('wflw'), 0, tmp_path)
    run.folder.mkdir(parents=True)
    with pytest.raises(study.training.RunFailed, match='seed-0 has no checkpoint: remove the folder'):
        study.training.best_checkpoint(run.folder)
    (run.folder / 'last_checkpoint').write_text(str(run.folder / 'epoch_3.pth'))
    with pytest.raises(study.training.RunFailed, match='seed-0 has no checkpoint: remove the folder'):
        study.training.best_checkpoint(run.folder)
    run.result.write_text('{}')
    with pytest.raises(study.training.RunFailed, match='seed-0.json has no NME'):
        study.training._result(run)


def test_only_results_of_the_rows_as_they_are_on_complete_data_are_collected(study, tmp_path, capsys):
    arguments = ['star', '--data-root', str(tmp_path / 'data'), '--work-dir', str(tmp_path / 'work')]
    args, anyway = study.run.parse(arguments), study.run.parse([*arguments, '--anyway'])
    (paper,) = study.plan.read_papers('star')
    for name, options in (('wflw', {}), ('softargmax-wflw', {'train_cfg.max_epochs': 3}), ('300w', None)):
        # None: without the data, and with --anyway
        own = study.run.run_options(paper.row(name), args if options is not None else anyway)
        finish(study, paper, name, args.work_dir, {**own, **(options or {})})
    results, outdated = study.run.collect(paper, args)
    assert results == {'wflw': {0: {'NME': 4.5}}} and sorted(outdated) == ['300w', 'softargmax-wflw']
    printed = capsys.readouterr().out
    for name, key in (('softargmax-wflw', 'train_cfg.max_epochs'), ('300w', 'data_findings')):
        assert f'left out: star {name}, seed 0: trained by another config, which differs in {key}' in printed
    assert study.run.collect(paper, anyway)[0] == {name: {0: {'NME': 4.5}} for name in ('wflw', '300w')}


def finish(study, paper, name, work_dir, options, nme=4.5):
    """Leave what a run with seed 0 leaves."""
    run = study.plan.make_run(paper, paper.row(name), 0, work_dir)
    run.folder.mkdir(parents=True, exist_ok=True)
    study.training.run_config(run, options).dump(run.config)
    run.result.write_text(json.dumps(dict(NME=nme)))
    return run


@pytest.fixture
def finished(study, paper, tmp_path):
    """Two runs that are finished, the second with weights of the first; a function that collects."""
    args = study.run.parse([str(paper), '--data-root', str(tmp_path / 'data'), '--work-dir', str(tmp_path / 'work')])
    paper = read_rows(paper)
    runs = {
        name: finish(study, paper, name, args.work_dir, study.run.run_options(paper.row(name), args))
        for name in ('plain', 'argmax')
    }

    def collect(*more):
        return study.run.collect(
            paper,
            study.run.parse(
                [str(paper.file), '--work-dir', str(args.work_dir), '--data-root', str(args.data_root), *more]
            ),
        )

    assert collect() == ({name: {0: {'NME': 4.5}} for name in ('plain', 'argmax')}, {})
    return runs, collect


def test_a_result_of_weights_that_were_trained_anew_is_outdated(study, paper, finished, tmp_path, capsys):
    runs, collect = finished
    runs['plain'].result.write_text('{"NME": 4.6}')
    assert collect() == ({'plain': {0: {'NME': 4.6}}}, {'argmax': {0: {'NME': 4.5}}})
    assert 'left out: paper argmax, seed 0: trained by another config, which differs in weights_of.result' in (
        capsys.readouterr().out
    )
    options = study.run.run_options(
        runs['argmax'].row, study.run.parse([str(paper), '--data-root', str(tmp_path / 'data')])
    )
    with pytest.raises(study.training.RunFailed, match='begun with another config, .*weights_of.result'):
        study.training.carry_out(runs['argmax'], options, study.training.Launcher())


@pytest.mark.parametrize(
    'change, reason',
    [
        (lambda run: run.result.unlink(), 'there is no result'),
        (lambda run: run.config.unlink(), 'trained by another config, which differs in seed-0.py, which is gone'),
        (
            lambda run: run.config.write_text(run.config.read_text().replace('max_epochs=200', 'max_epochs=2')),
            'trained by another config, which differs in train_cfg.max_epochs',
        ),
    ],
)
def test_a_result_of_weights_that_do_not_count_does_not_count(study, finished, change, reason, capsys):
    runs, collect = finished
    change(runs['plain'])
    assert collect()[0] == {}
    assert f'left out: paper argmax, seed 0: needs paper plain, seed 0: {reason}' in capsys.readouterr().out


def test_another_row_whose_weights_are_tested_is_another_config(study, paper, finished):
    finished[0]['plain'].row.file.write_text(
        yaml.safe_dump(dict(ROWS, rows=[*ROWS['rows'][:2], dict(ROWS['rows'][2], trained_as='broken')]))
    )
    changed = read_rows(paper)
    run = study.plan.make_run(changed, changed.row('argmax'), 0, finished[0]['plain'].folder.parents[2])
    assert run.weights.row.name == 'broken' and run.folder == finished[0]['argmax'].folder
    run.weights.config.parent.mkdir()
    run.weights.config.write_text(finished[0]['plain'].config.read_text())
    run.weights.result.write_text('{"NME": 4.5}')
    begun = study.training.Config.fromfile(run.config)
    found = study.training.run_config(run, {})
    assert (begun.weights_of.row, found.weights_of.row) == ('plain', 'broken')


def test_data_that_were_moved_are_the_same_and_others_are_not(study, finished, tmp_path):
    _, collect = finished
    assert sorted(collect('--data-root', str(tmp_path / 'moved'))[0]) == ['argmax', 'plain']
    content = dict(ROWS, rows=[dict(ROWS['rows'][0], options={'train_dataset.data_root': '/ssd/wflw/'})])
    path = finished[0]['plain'].row.file
    path.write_text(yaml.safe_dump(content))
    args = study.run.parse([str(path), '--data-root', '/ssd', '--work-dir', str(tmp_path / 'work')])
    assert study.run.collect(read_rows(path), args)[0] == {'plain': {0: {'NME': 4.5}}}  # the same folder after all
    path.write_text(yaml.safe_dump(content).replace('/ssd/wflw/', '/ssd/relabelled/'))
    study.plan.row_config.cache_clear()  # rows do not change during a command
    assert study.run.collect(read_rows(path), args)[0] == {}


def test_weights_without_a_place_in_the_model_are_no_start(study, tmp_path):
    cfg = read_config(REPOSITORY / 'configs/synthetic/attentive1d_tracker_mini.py')
    detector = read_config(REPOSITORY / 'configs/synthetic/attentive1d_mini.py')
    study.training.init_default_scope('mmpose')
    weights = study.training.MODELS.build(detector.model).state_dict()
    path = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=weights), path)
    study.training.check_fit(cfg, path)  # the refinement begins untrained
    name = next(iter(weights))
    torch.save(dict(state_dict={**weights, name: weights[name][:1]}), path)
    with pytest.raises(study.training.RunFailed, match=rf'weights.pth does not fit: found {name} \(1, .*for 1 of'):
        study.training.check_fit(cfg, path)
    torch.save(dict(state_dict={**weights, 'neck.weight': weights[name]}), path)
    with pytest.raises(study.training.RunFailed, match='found neck.weight .*expected no such weight'):
        study.training.check_fit(cfg, path)


def test_a_row_that_cannot_be_read_is_named_before_anything_starts(study, tmp_path, capsys):
    path = tmp_path / 'paper.yml'
    path.write_text(yaml.safe_dump(dict(ROWS, rows=[dict(ROWS['rows'][0], options={'model.head.gama': 1.0})])))
    assert study.run.main([str(path), '--dry-run']) == 2
    assert f"{path}:plain: option 'model.head.gama': found nothing named 'gama'" in capsys.readouterr().err


def test_the_last_error_of_a_log_is_the_cause_and_not_the_launchers_report(study):
    lines = [
        '[rank1]: Traceback (most recent call last):',
        '  File "x.py", line 1',
        "[rank1]: ValueError: margin is 'l7'",
        'torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ',
        '====',
    ]
    assert study.training.last_error(lines) == "ValueError: margin is 'l7'"
    assert study.training.last_error(['Killed', '']) == 'Killed'
    assert study.training.last_error(['test.py: error: no such file', 'done']) == 'test.py: error: no such file'
    assert study.training.last_error([]) == 'no output'


def test_slurm_gets_partition_name_config_and_folder_in_their_places(study, tmp_path):
    launcher = study.training.Launcher(gpus=4, slurm='gpu')
    command = launcher.command('train', tmp_path / 'seed-0.py', 'row', '--resume')
    assert command[1:] == [
        str(REPOSITORY / 'tools/slurm_train.sh'),
        'gpu',
        'row',
        str(tmp_path / 'seed-0.py'),
        str(tmp_path / 'seed-0'),
        '--resume',
    ]
    assert launcher.environment()['GPUS'] == '4'


@pytest.mark.parametrize('gpus, kept', [(1, True), (2, True), (3, False), (4, False), (8, False)])
def test_fewer_gpus_accumulate_where_that_keeps_the_batch(study, gpus, kept):
    # of 4 x 32 faces
    assert study.plan.keeps_batch(read_config('configs/wflw/structured_hg4.py'), gpus) == kept
    assert not study.plan.keeps_batch(read_config('configs/wflw/subpixel_hg2.py'), gpus)


def test_the_data_root_reaches_every_data_set(study, tmp_path):
    (paper,) = study.plan.read_papers('attentive1d')
    args = study.run.parse(['attentive1d', '--data-root', str(tmp_path)])
    cfg = read_config(str(paper.row('300vw-detector')), study.run.run_options(paper.row('300vw-detector'), args))
    assert [one.data_root for one in cfg.train_dataloader.dataset.datasets] == [
        f'{tmp_path}/300w/',
        f'{tmp_path}/300vw/',
    ]
    assert cfg.test_dataloader.dataset.data_root == f'{tmp_path}/300vw/'


def test_a_whole_path_in_a_config_is_kept(study, tmp_path):
    path = tmp_path / 'paper.yml'
    row = dict(ROWS['rows'][0], options={'train_dataset.data_root': '/ssd/own/', 'train_dataset.ann_file': 'own.json'})
    path.write_text(yaml.safe_dump(dict(ROWS, rows=[row])))
    row = read_rows(path).row('plain')
    args = study.run.parse([str(path), '--data-root', str(tmp_path)])
    cfg = read_config(str(row), study.run.run_options(row, args))
    assert cfg.train_dataloader.dataset.data_root == '/ssd/own/'
    assert cfg.val_dataloader.dataset.data_root == f'{tmp_path}/wflw/'
    assert next(study.plan.annotation_files(study.plan.row_config(str(row)))) == '/ssd/own/own.json'


def test_a_folder_that_is_not_below_data_is_kept(study, tmp_path):
    path = tmp_path / 'paper.yml'
    path.write_text(
        yaml.safe_dump(
            dict(
                ROWS,
                rows=[
                    dict(
                        ROWS['rows'][0],
                        options={'train_dataset.data_root': 'own/wflw/', 'val_dataset.data_root': 'data/a/b/'},
                    )
                ],
            )
        )
    )
    row = read_rows(path).row('plain')
    cfg = read_config(str(row), study.run.run_options(row, study.run.parse([str(path), '--data-root', '/all'])))
    assert cfg.train_dataloader.dataset.data_root == f'{Path.cwd()}/own/wflw/'
    assert cfg.val_dataloader.dataset.data_root == '/all/a/b/'
    files = list(study.plan.annotation_files(study.plan.row_config(str(row))))
    assert files[0].startswith(f'{Path.cwd()}/own/wflw/annotations') and files[1].startswith('a/b/annotations')


def test_a_cell_has_the_mean_and_the_deviation_of_a_sample(study):
    row = read_rows(PROJECT / 'structured.yml').row('wflw')
    one = study.tables.cell(row, 'NME', {0: dict(NME=4.0), 1: dict(NME=4.2)})
    assert one == pytest.approx((3.99, 4.1, 0.1414214, 2))
    assert study.tables.ours(one, 'NME') == '4.10 ± 0.14'
    assert study.tables.cell(row, 'NME', {}) == (3.99, None, None, 0)


def test_our_errors_against_clamped_landmarks_stand_beside_the_others(study):
    paper = read_rows(PROJECT / 'structured.yml')
    ours = {'wflw': {0: {'NME': 4.1, 'NME_clamped': 3.97, 'AUC_clamped': 0.6071}}}
    head, _, line = study.tables.markdown(paper, 'Table 1', ours, [paper.row('wflw')]).splitlines()[2:5]
    table = dict(zip(*([cell.strip() for cell in text.split('|')] for text in (head, line))))
    assert (table['NME, paper'], table['NME, ours'], table['NME_clamped, ours']) == ('3.99', '4.10', '3.97')
    assert table['AUC_clamped, ours'] == '0.607'
    assert 'NME_clamped, paper' not in table and 'FR_clamped, ours' not in table
    cfg = study.plan.row_config('configs/wflw/structured_hg4.py')
    assert study.write_tables.shown_metric('inter_pupil/FR_clamped/blur', cfg) == 'inter-pupil FR clamped at 10 %'
    assert study.write_tables.subset_of('inter_pupil/FR_clamped/blur') == 'blur'


def test_the_note_of_a_table_stands_below_it(study):
    paper = read_rows(PROJECT / 'subpixel.yml')
    text = study.tables.markdown(paper, 'Table 12', {}, [paper.row('300w')])
    assert text.index('2.61 and 4.13 imply 2.91') > text.rindex('|')


def test_our_numbers_go_into_the_rows_and_leave_the_rest_of_the_file_alone(study, tmp_path):
    path = tmp_path / 'structured.yml'
    text = (PROJECT / 'structured.yml').read_text()
    path.write_text(text)
    paper = read_rows(path)
    study.tables.write_ours(paper, {}, {})
    assert path.read_text() == text
    study.tables.write_ours(paper, {'wflw': {0: {'NME': 4.05123, 'FR': 2.1, 'NME/area_nose': 9.0}}}, {})
    written = path.read_text()
    assert [line for line in written.splitlines() if line not in text.splitlines()] == [
        '  ours: {0: {FR: 2.1, NME: 4.0512}}'
    ]
    assert read_rows(path).row('wflw').ours == {0: {'NME': 4.0512, 'FR': 2.1}}
    # they stay if they are not those of the outdated result
    study.tables.write_ours(read_rows(path), {}, {'wflw': {0: {'NME': 4.07, 'FR': 2.1}}})
    assert path.read_text() == written
    study.tables.write_ours(read_rows(path), {}, {'wflw': {0: {'NME': 4.05123, 'FR': 2.1, 'NME/area_nose': 9.0}}})
    assert path.read_text() == text


@pytest.mark.parametrize(
    'text, message',
    [
        ('<!-- results -->\nold\n', 'found no line <!-- end -->, expected one after its table'),
        ('old\n<!-- end -->\n', 'found no line <!-- results -->, expected one before its table'),
        ('<!-- end -->\n<!-- results -->\nold', 'found no line <!-- end -->, expected one after its table'),
    ],
)
def test_a_table_without_its_marks_leaves_the_file_alone(study, tmp_path, text, message):
    path = tmp_path / 'README.md'
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        study.write_tables.filled(path, dict(results='new'))


def test_readme_tables_metafiles_and_first_lines_of_configs_are_current(study, capsys):
    assert study.write_tables.main(['--check']) == 0, capsys.readouterr().out


def test_metafiles_hold_what_rows_hold(study):
    index = yaml.safe_load((REPOSITORY / 'model-index.yml').read_text())
    models = {
        model['Name']: model
        for metafile in index['Import']
        for model in yaml.safe_load((REPOSITORY / metafile).read_text())['Models']
    }
    best = models['300w_mmfld_best_mini']
    assert best['Weights'] == 'mmfld/assets/mmfld_best_mini.pth'
    assert best['Results'][0]['Metrics'] == {'NME': 2.759, 'FR at 8 %': 0.18, 'AUC at 8 %': 0.655}
    assert best['Results'][0]['Command'].endswith('configs/300w/mmfld_best_mini.py mmfld/assets/mmfld_best_mini.pth')
    assert 'Weights' not in models['300w_attentive1d_mini']  # the file of this name is the tracker's
    assert models['aflw_subpixel_hg2']['Results'][0]['Metrics'] == {
        'NME (paper)': 1.31,
        'box NME (paper)': 2.14,
        'box AUC at 7 % (paper)': 0.7,
    }
    challenge = models['300w_structured_hg4']['Results'][2]
    assert challenge['Dataset'] == '300W challenge' and challenge['Metrics']['NME (paper)'] == 4.27


def rehearsed_in_ci(study) -> list:
    """A few rows that have every head, estimator and data set between them, of the cheapest."""
    parts, committed = {}, study.plan.rehearsal()
    for paper in study.plan.read_papers('all'):
        for row in paper.rows.values():
            cfg = study.plan.row_config(str(row))
            parts[str(row)] = {cfg.model.type, cfg.model.head.type, Path(cfg.test_dataset.data_root).name}
    names, left = [], set().union(*parts.values())
    while left:
        names.append(max(parts, key=lambda name: (len(parts[name] & left), -float(committed[name]['step_seconds']))))
        left -= parts[names[-1]]
    return names


def test_a_row_of_every_head_and_data_set_passes_the_rehearsal_with_the_committed_numbers(study, tmp_path, capfd):
    names = rehearsed_in_ci(study)
    assert 8 <= len(names) <= 16
    table = tmp_path / 'rehearsal.csv'
    passed = study.rehearse.rehearse_all(names, tmp_path / 'work', 2, table)
    assert passed, capfd.readouterr().out[-2000:]
    committed = study.plan.rehearsal()
    with open(table, newline='') as file:
        for line in csv.DictReader(file):
            for column in ('parameters', 'gmacs', 'ok'):
                assert line[column] == committed[line['name']][column], f'{line["name"]}: {column}'


def test_every_row_and_config_has_passed_the_rehearsal(study):
    names = study.rehearse.all_names()
    committed = study.plan.rehearsal()
    assert sorted(committed) == sorted(names)
    assert {line['ok'] for line in committed.values()} == {'ok'}


def test_a_rehearsal_that_fails_says_why(study, paper, tmp_path, capfd):
    assert not study.rehearse.rehearse_all([f'{paper}:broken'], tmp_path / 'work', 1, tmp_path / 'rehearsal.csv')
    assert f'failed: {paper}:broken: ValueError: unknown margin' in capfd.readouterr().out
