"""Every config builds and takes one training step and one test step on rendered faces."""
from pathlib import Path

import pytest
import torch
from mmengine import Config, load
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
METHODS = sorted(CONFIGS.glob('[!_]*/**/*.py'))


@pytest.mark.parametrize('path', METHODS, ids=lambda path: str(path.relative_to(CONFIGS).with_suffix('')))
def test_config_trains_and_predicts(path, synthetic_faces):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    if path.parent.name.endswith('ablations'):
        # the size of the network is tested by the other configs
        cfg.model.backbone.width = 16
        if 'in_channels' in cfg.model.head:
            cfg.model.head.in_channels = 16
    for split, part, key in (('train', 'train', 'dataset'), ('test', 'test', 'dataset')):
        dataset = cfg[f'{split}_dataloader'][key]
        dataset.update(data_root=str(synthetic_faces), ann_file=f'annotations/synthetic_{dataset.layout}_{part}.json',
                       indices=2)
        cfg[f'{split}_dataloader'].update(batch_size=2, num_workers=0, persistent_workers=False)
    model = MODELS.build(cfg.model)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.optim_wrapper.optimizer.lr)

    losses = model(**model.data_preprocessor(next(iter(Runner.build_dataloader(cfg.train_dataloader))), True),
                   mode='loss')
    total, _ = model.parse_losses(losses)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    total.backward()
    optimizer.step()
    unmoved = [name for name, parameter in model.named_parameters() if torch.equal(parameter, before[name])]
    assert torch.isfinite(total)
    assert unmoved == []  # distributed training waits for every parameter's gradient

    model.eval()
    with torch.no_grad():
        samples = model.test_step(next(iter(Runner.build_dataloader(cfg.test_dataloader))))
    keypoints = model.head.num_keypoints
    assert [sample.pred_instances.keypoints.shape for sample in samples] == [(1, keypoints, 2)] * 2


def test_every_config_is_in_the_model_index():
    repository = CONFIGS.parent
    listed = [model['Config'] for metafile in load(repository / 'model-index.yml')['Import']
              for model in load(repository / metafile)['Models']]
    # those on rendered faces are examples, without a claim
    published = [path for path in METHODS if path.relative_to(CONFIGS).parts[0] != 'synthetic']
    assert sorted(listed) == [str(path.relative_to(repository)) for path in published]
    assert len(published) >= 100
