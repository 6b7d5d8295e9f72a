"""Every config builds and takes one training step and one test step on rendered faces."""
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


def test_every_config_is_in_the_model_index():
    repository = CONFIGS.parent
    listed = [model['Config'] for metafile in load(repository / 'model-index.yml')['Import']
              for model in load(repository / metafile)['Models']]
    # those on rendered faces are examples, without a claim
    published = [path for path in METHODS if path.relative_to(CONFIGS).parts[0] != 'synthetic']
    assert sorted(listed) == [str(path.relative_to(repository)) for path in published]
    assert len(published) >= 100
