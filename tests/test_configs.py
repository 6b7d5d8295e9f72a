"""Every config builds and takes one training step and one test step on rendered faces; metafiles say what is known."""
import re
import shlex
from pathlib import Path

import pytest
import torch
from mmengine import Config, dump, load
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import MODELS

from mmfld.structures import get_layout

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
METHODS = sorted(CONFIGS.glob('[!_]*/**/*.py'))


def as_video(path: Path) -> Path:
    """Annotation file whose images are the frames of one video."""
    annotations = load(path)
    for frame, image in enumerate(annotations['images']):
        image.update(video='rendered', frame=frame)
    video = path.with_name(f'video_{path.name}')
    dump(annotations, video)
    return video


def read_rendered_faces(loader, root: Path, part: str) -> None:
    """Let a data loader of a config read two rendered faces, or two clips of two of them."""
    for dataset in loader.dataset.get('datasets', [loader.dataset]):
        ann_file = root / f'annotations/synthetic_{dataset.layout}_{part}.json'
        if dataset.type == 'FaceVideoDataset':
            ann_file = as_video(ann_file)
            dataset.clip_length = min(dataset.get('clip_length', 2), 2)
        dataset.update(data_root=str(root), data_prefix=dict(img='images/'), ann_file=str(ann_file), indices=2)
    loader.update(batch_size=2, num_workers=0, persistent_workers=False)


@pytest.mark.parametrize('path', METHODS, ids=lambda path: str(path.relative_to(CONFIGS).with_suffix('')))
def test_config_trains_and_predicts(path, synthetic_faces):
    cfg = Config.fromfile(path)
    assert 'collate_fn' not in cfg.test_dataloader  # MMEngine's inferencers cannot read it
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    if path.parent.name.endswith('ablations'):
        # the size of the network is tested by the other configs
        cfg.model.backbone.width = 16
        if 'in_channels' in cfg.model.head:
            cfg.model.head.in_channels = 16
        if cfg.model.head.type == 'CoAttentionMarginalHead':
            cfg.model.head.channels = 16
    read_rendered_faces(cfg.train_dataloader, synthetic_faces, 'train')
    read_rendered_faces(cfg.test_dataloader, synthetic_faces, 'test')
    model = MODELS.build(cfg.model)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.optim_wrapper.optimizer.lr)

    losses = model(**model.data_preprocessor(next(iter(Runner.build_dataloader(cfg.train_dataloader))), True),
                   mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    optimizer.step()
    assert torch.isfinite(total)
    # distributed training waits for every parameter's gradient, unless it is told not to
    waiting = [name for name, parameter in model.named_parameters()
               if parameter.requires_grad and parameter.grad is None]
    assert bool(waiting) == cfg.get('find_unused_parameters', False)
    # the maps of the last stack, where a head does not use them
    assert all(name.startswith(f'backbone.out_heatmaps.{model.backbone.num_stacks - 1}.') for name in waiting)

    model.eval()
    with torch.no_grad():
        samples = model.test_step(next(iter(Runner.build_dataloader(cfg.test_dataloader))))
    keypoints = get_layout(cfg.model.backbone.layout).num_keypoints
    assert len(samples) >= 2
    assert {sample.pred_instances.keypoints.shape for sample in samples} == {(1, keypoints, 2)}


def listed_models() -> list:
    repository = CONFIGS.parent
    return [model for metafile in load(repository / 'model-index.yml')['Import']
            for model in load(repository / metafile)['Models']]


def from_paper(metric: str) -> bool:
    return metric.endswith(('(paper)', ', paper)'))


def test_every_config_is_in_the_model_index():
    listed = [model['Config'] for model in listed_models()]
    # those on rendered faces are examples, without a claim
    published = [path for path in METHODS if path.relative_to(CONFIGS).parts[0] != 'synthetic']
    assert sorted(listed) == [str(path.relative_to(CONFIGS.parent)) for path in published]
    assert len(published) >= 100


def test_metafile_results_have_a_command_or_are_a_papers():
    kinds = []
    for model in listed_models():
        for result in model.get('Results', []):
            assert result['Metrics'], model['Name']
            for metric, value in result['Metrics'].items():
                assert isinstance(value, (int, float)), f'{model["Name"]}: {metric} is {value!r}'
            measured = [metric for metric in result['Metrics'] if not from_paper(metric)]
            kinds.append(bool(measured))
            if measured:
                assert 'Command' in result, f'{model["Name"]}: no Command for {measured}'
                for command in result['Command'].split('&&'):
                    python, tool, config, *_ = shlex.split(command)
                    assert python == 'python' and (CONFIGS.parent / tool).is_file(), f'{model["Name"]}: {command}'
                    assert config == model['Config'], f'{model["Name"]}: {command}'
    assert kinds.count(True) >= 7 and kinds.count(False) >= 100


def readme_rows() -> list:
    """(config, data, paper NME) of the README's tables with a column of that name."""
    rows, columns = [], []
    for line in (CONFIGS.parent / 'README.md').read_text().splitlines():
        cells = [cell.strip() for cell in line.split('|')[1:-1]]
        if not cells:
            columns = []
        elif 'paper NME' in cells:
            columns = [cells.index(name) for name in ('config', 'data', 'paper NME')]
        elif columns and cells[columns[0]].startswith('`configs/'):
            config, data, numbers = (cells[column] for column in columns)
            rows.append((config.strip('`'), data, [float(number) for number in re.findall(r'\d+\.\d+', numbers)]))
    return rows


def test_readme_and_metafiles_agree_on_the_papers_nme():
    models = {model['Config']: model for model in listed_models()}
    compared = 0
    for config, data, expected in readme_rows():
        results = models[config].get('Results', [])
        published = []
        for result in results:
            words = result['Dataset'].split()
            for metric, value in result['Metrics'].items():
                # NME, NME_box, NME inter-pupil: one that the column "data" does not name is not in the README
                kind = metric.replace('(paper)', '').strip()
                named = kind == 'NME' or kind.removeprefix('NME ') in data
                # nor are the subsets of WFLW
                if from_paper(metric) and kind.startswith('NME') and named and all(word in data for word in words):
                    # in the order of the cell: "300W full / common / challenge"
                    published.append((data.rindex(words[-1]), value))
        published.sort(key=lambda place: place[0])
        assert [value for _, value in published] == expected, f'{config}: {data}'
        compared += len(expected)
    assert compared >= 50
