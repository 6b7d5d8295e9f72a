"""``mmfld doctor`` as it is typed."""

import json

import pytest

from mmfld.cli.main import main


def test_prints_a_line_for_each_finding_and_ends_with_0_without_errors(faces, capsys):
    assert main(['doctor', '--data', str(faces.file('train'))]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert all(line.split()[0] in ('error', 'warning', 'note') for line in lines)
    assert last.startswith('0 errors, ') and last.endswith(f'{sum(line.startswith("note") for line in lines)} notes')


def test_json_is_a_list_of_findings_and_an_error_ends_with_1(faces, capsys):
    faces.image('train', 0).unlink()
    assert main(['doctor', '--json', '--data', str(faces.file('train'))]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {tuple(finding) for finding in found} == {('severity', 'topic', 'message', 'advice', 'ids')}
    (error,) = (finding for finding in found if finding['severity'] == 'error')
    assert error['message'].endswith('train_000000.jpg does not exist') and error['advice']


def test_json_has_all_ids_of_which_a_line_shows_the_first(faces, capsys):
    faces.change_points(lambda points: points[::-1])
    faces.change(lambda content: [one.update(num_keypoints=3) for one in content['annotations']])
    main(['doctor', '--json', '--data', str(faces.file('train'))])
    found = [finding for finding in json.loads(capsys.readouterr().out) if 'num_keypoints' in finding['message']]
    assert found[0]['message'].endswith('9, 10 and 2 more') and found[0]['ids'] == list(range(1, 13))


def test_an_option_that_is_no_option_is_named(capsys):
    assert main(['doctor', 'configs/300w/star_hg4.py', '--cfg-options', 'batch_size']) == 1
    assert "--cfg-options: found 'batch_size', expected KEY=VALUE" in capsys.readouterr().err


def test_a_config_that_is_not_there_ends_with_one_sentence(capsys):
    with pytest.raises(SystemExit) as ended:
        main(['doctor', 'configs/300w/star_hg5.py'])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith('mmfld doctor: error: config configs/300w/star_hg5.py not found in')


def test_missing_data_of_a_row_are_an_error_that_says_how_to_get_them(capsys, tmp_path):
    assert (
        main(
            [
                'doctor',
                'projects/reproduce/structured.yml:wflw',
                '--no-step',
                '--json',
                '--cfg-options',
                *(f'{part}_dataset.data_root={tmp_path}' for part in ('train', 'val', 'test')),
            ]
        )
        == 1
    )
    found = [finding for finding in json.loads(capsys.readouterr().out) if finding['severity'] == 'error']
    assert any(
        'face_landmarks_wflw_train.json does not exist' in finding['message']
        and 'convert_wflw.py SRC' in finding['advice']
        for finding in found
    )
