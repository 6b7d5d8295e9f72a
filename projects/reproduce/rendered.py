"""Rendered faces in the place of a config's data, and networks of mini size: for rehearsals and simulations."""

import subprocess
import sys
from pathlib import Path

from mmengine import Config, dump, load

from mmfld.engine.rows import REPOSITORY

RENDER = REPOSITORY / 'tools/dataset_converters/make_synthetic_faces.py'
WIDTH = 64


def render(root: Path, train: int, test: int, image_size: int) -> None:
    """Render faces in all layouts, and let the same images be the frames of a video for each part."""
    subprocess.run(
        [
            sys.executable,
            '-W',
            'ignore',
            str(RENDER),
            str(root),
            '--train',
            str(train),
            '--test',
            str(test),
            '--image-size',
            str(image_size),
        ],
        check=True,
    )
    for part in ('train', 'test'):
        path = root / f'annotations/synthetic_300w68_{part}.json'
        annotations = load(path)
        for frame, image in enumerate(annotations['images']):
            image.update(video='rendered', frame=frame)
        dump(annotations, path.with_name(f'video_{path.name}'))


def rendered_data(cfg: Config, root: Path, clip_length: int | None = None, **limits) -> dict:
    """Options that let the three parts of a config read rendered faces.

    Args:
        cfg (Config): A combined config.
        root (Path): What :func:`render` has written.
        clip_length (int, optional): Frames of a clip at most.
        **limits: Arguments that every data set gets, such as ``indices``.
    """

    def replaced(dataset: dict, part: str) -> dict:
        if 'datasets' in dataset:
            return dict(dataset, datasets=[replaced(one, part) for one in dataset['datasets']])
        video = 'video_' if dataset['type'] == 'FaceVideoDataset' else ''
        kept = {key: value for key, value in dataset.items() if key in ('type', 'clip_length', 'box')}
        if video and clip_length:
            kept['clip_length'] = min(clip_length, dataset['clip_length'])
        return dict(
            kept,
            data_root=f'{root}/',
            data_prefix=dict(img='images/'),
            ann_file=f'annotations/{video}synthetic_{cfg.layout}_{part}.json',
            **limits,
        )

    options = {}
    for name, part in (('train_dataset', 'train'), ('val_dataset', 'test'), ('test_dataset', 'test')):
        options[name] = dict(replaced(cfg[name].to_dict(), part), _delete_=True)
    return options


def mini_size(cfg: Config, epochs: int) -> dict:
    """Options that make a config's network, input and schedule those of the CPU-sized models."""
    options = {
        'codec.input_size': (128, 128),
        'model.backbone.num_levels': 3,
        'model.backbone.width': WIDTH,
        'model.backbone.num_stacks': min(2, cfg.model.backbone.num_stacks),
    }
    if 'heatmap_size' in cfg.codec:
        options['codec.heatmap_size'] = (32 * cfg.model.backbone.get('upsampling', 1),) * 2
    if 'length' in cfg.codec:
        # sigma: one cell of the features
        options.update(
            {'codec.length': cfg.codec.length // 2, 'codec.sigma': cfg.codec.length / 64, 'model.head.feature_size': 32}
        )
    if 'in_channels' in cfg.model.head:
        options['model.head.in_channels'] = WIDTH
    options.update(
        {
            'train_dataloader.batch_size': 8,
            'train_dataloader.num_workers': 1,
            'val_dataloader.num_workers': 0,
            'val_dataloader.persistent_workers': False,
            'test_dataloader.num_workers': 0,
            'test_dataloader.persistent_workers': False,
            'train_cfg.max_epochs': epochs,
            'train_cfg.val_interval': 2,
            'auto_scale_lr.base_batch_size': 8,
            'optim_wrapper.type': 'AmpOptimWrapper',
            'optim_wrapper.dtype': 'bfloat16',
            'optim_wrapper.optimizer.lr': 2e-3,
            'param_scheduler': [
                dict(type='LinearLR', start_factor=0.1, end=50, by_epoch=False),
                dict(type='CosineAnnealingLR', eta_min=2e-5, by_epoch=True, convert_to_iter_based=True),
            ],
        }
    )
    if 'ema' in cfg.default_hooks:
        options['default_hooks.ema.momentum'] = 0.02
    return options
