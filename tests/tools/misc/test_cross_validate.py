"""Cross-validation: how faces and videos are split, and which mean is printed."""

import json
import runpy
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine import dump, load

TOOL = Path(__file__).resolve().parents[3] / 'tools/misc/cross_validate.py'


@pytest.fixture
def tool():
    return SimpleNamespace(**runpy.run_path(str(TOOL)))


def test_folds_share_out_images_evenly_and_once(tool):
    fold_of = tool.split([dict(id=number) for number in range(23)], 5)
    assert sorted(fold_of) == list(range(23))
    assert sorted(Counter(fold_of.values()).values()) == [4, 4, 5, 5, 5]
    assert list(fold_of.values()) != sorted(fold_of.values())


def test_a_video_is_in_one_fold(tool):
    lengths = [40, 30, 20, 10, 10, 10]
    images = [
        dict(id=1000 * video + frame, video=str(video))
        for video, length in enumerate(lengths)
        for frame in range(length)
    ]
    fold_of = tool.split(images, 3)
    for video in range(len(lengths)):
        assert len({fold_of[image['id']] for image in images if image['video'] == str(video)}) == 1
    assert sorted(Counter(fold_of.values()).values()) == [40, 40, 40]
    with pytest.raises(ValueError, match='found 7 folds of 6 images or videos, expected 2 to 6'):
        tool.split(images, 7)


@pytest.fixture
def config(tmp_path):
    """Two training sets, of which the second one is tested."""
    (tmp_path / 'own/annotations').mkdir(parents=True)
    dump(
        dict(
            info={}, images=[dict(id=n) for n in range(4)], annotations=[dict(id=10 + n, image_id=n) for n in range(4)]
        ),
        tmp_path / 'own/annotations/train.json',
    )
    own = dict(type='FaceLandmarkDataset', data_root=f'{tmp_path}/own/', ann_file='annotations/train.json')
    path = tmp_path / 'config.py'
    path.write_text(f"""
train_dataset = dict(type='ConcatDataset', datasets=[{dict(own, data_root='other/')}, {own}])
val_dataset = test_dataset = {own}
""")
    return path


def test_each_fold_is_tested_by_weights_of_the_others_and_the_mean_is_printed(tool, config, tmp_path, capsys):
    calls = []

    def run(words, check):
        assert check
        calls.append(words)
        folder = Path(words[words.index('--work-dir') + 1])
        if words[1].endswith('train.py'):
            (folder / 'epoch_1.pth').parent.mkdir(parents=True)
            (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
            torch.save(dict(state_dict=dict(weight=torch.ones(1))), folder / 'epoch_1.pth')
        else:
            value, fold = float(folder.parent.name.split('=')[1]), int(folder.name[-1])
            (folder / 'result.json').write_text(json.dumps(dict(NME=value + fold)))

    tool.command.__globals__['subprocess'] = SimpleNamespace(run=run)
    arguments = [
        str(config),
        '--values',
        'value=3,2.5',
        '--folds',
        '2',
        '--work-dir',
        str(tmp_path / 'work'),
        '--cfg-options',
        'load_from=weights-{fold}.pth',
    ]
    assert tool.main([*arguments, '--dry-run']) == 0 and not calls
    assert tool.main(arguments) == 0
    printed = capsys.readouterr().out
    # means of 3 and 4, and of 2.5 and 3.5, with the deviation of a sample
    assert '| 3     | 3.500 | 0.707' in printed and '| 2.5   | 3.000 | 0.707' in printed and 'best: 2.5' in printed
    assert len(calls) == 8
    train, test = calls[2:4]
    assert train[1].endswith('train.py') and test[1].endswith('test.py') and test[3].endswith('fold-1/epoch_1.pth')
    options = dict(word.split('=', 1) for word in train[train.index('--cfg-options') + 1 :])
    assert options['value'] == '3' and options['load_from'] == 'weights-1.pth'
    files = [load(options[key]) for key in ('train_dataset.datasets.1.ann_file', 'test_dataset.ann_file')]
    ids = [{image['id'] for image in content['images']} for content in files]
    assert len(ids[1]) == 2 and ids[0] | ids[1] == set(range(4)) and not ids[0] & ids[1]
    assert [{one['image_id'] for one in content['annotations']} for content in files] == ids
    assert test[test.index('--cfg-options') + 1 :] == train[train.index('--cfg-options') + 1 :]
    # what is finished is not done again
    assert tool.main(arguments) == 0 and len(calls) == 8


def test_what_cannot_be_split_is_named(tool, config, tmp_path, capsys):
    with pytest.raises(SystemExit):
        tool.main([str(config), '--values', 'value'])
    assert "--values is 'value', expected KEY=V1,V2,..." in capsys.readouterr().err
    (tmp_path / 'own/annotations/train.json').unlink()
    with pytest.raises(SystemExit):
        tool.main([str(config), '--values', 'value=1'])
    assert 'own/annotations/train.json does not exist' in ' '.join(capsys.readouterr().err.split())
    config.write_text(config.read_text().replace('other/', f'{tmp_path}/own/'))
    with pytest.raises(SystemExit):
        tool.main([str(config), '--values', 'value=1'])
    assert 'found 2 training sets in' in capsys.readouterr().err
