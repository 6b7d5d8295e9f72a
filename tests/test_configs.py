"""Every config and every row of a table: they build, are consistent, and train; the configs' files are few and flat."""

import ast
import copy
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config, dump, load
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import KEYPOINT_CODECS, METRICS, MODELS, TRANSFORMS

from mmfld.engine.rows import METRIC, find_row, read_config, read_rows, row_files
from mmfld.evaluation.face_alignment_metric import norms_of
from mmfld.structures import get_layout

pytestmark = pytest.mark.configuration

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIGS = REPOSITORY / 'configs'
METHODS = sorted(CONFIGS.glob('[!_]*/**/*.py'))
ROW_FILES = row_files()
# the tables of the four papers
PAPERS = ('attentive1d', 'star', 'structured', 'subpixel')
ROWS = [row for path in ROW_FILES for row in read_rows(path).rows.values()]
NAMES = [*(path.relative_to(REPOSITORY).as_posix() for path in METHODS), *map(str, ROWS)]

every_row = pytest.mark.parametrize('row', ROWS, ids=str)
every_config_and_row = pytest.mark.parametrize('name', NAMES)


@cache
def config(name: str) -> Config:
    """A config or a row's config that a test must not change."""
    return read_config(name)


# ------------------------------------------------------------------------------------------------ training
def as_video(path: Path) -> Path:
    """Annotation file whose images are the frames of one video."""
    annotations = load(path)
    for frame, image in enumerate(annotations['images']):
        image.update(video='rendered', frame=frame)
    video = path.with_name(f'video_{path.name}')
    dump(annotations, video)
    return video


def leaves(dataset: Config) -> list:
    """A data set's config, or those that a wrapper puts together."""
    return dataset.get('datasets', [dataset])


def read_rendered_faces(loader, root: Path, part: str) -> None:
    """Let a data loader of a config read two rendered faces, or two clips of two of them."""
    for dataset in leaves(loader.dataset):
        ann_file = root / f'annotations/synthetic_{dataset.layout}_{part}.json'
        if dataset.type == 'FaceVideoDataset':
            ann_file = as_video(ann_file)
            dataset.clip_length = min(dataset.get('clip_length', 2), 2)
        dataset.update(data_root=str(root), data_prefix=dict(img='images/'), ann_file=str(ann_file), indices=2)
    loader.update(batch_size=2, num_workers=0, persistent_workers=False)


def check_that_it_trains_and_predicts(cfg: Config, faces: Path, distributed: bool = True) -> None:
    """One training step and one test step on rendered faces; whether the settings fit distributed training."""
    assert 'collate_fn' not in cfg.test_dataloader  # MMEngine's inferencers cannot read it
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    read_rendered_faces(cfg.train_dataloader, faces, 'train')
    read_rendered_faces(cfg.test_dataloader, faces, 'test')
    model = MODELS.build(cfg.model)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.optim_wrapper.optimizer.lr)

    losses = model(
        **model.data_preprocessor(next(iter(Runner.build_dataloader(cfg.train_dataloader))), True), mode='loss'
    )
    total, _ = model.parse_losses(losses)
    total.backward()
    optimizer.step()
    assert torch.isfinite(total)
    # distributed training waits for every parameter's gradient, unless it is told not to
    waiting = [
        name for name, parameter in model.named_parameters() if parameter.requires_grad and parameter.grad is None
    ]
    assert not distributed or bool(waiting) == cfg.get('find_unused_parameters', False)
    # the maps of the last stack, where a head does not use them
    assert all(name.startswith(f'backbone.out_heatmaps.{model.backbone.num_stacks - 1}.') for name in waiting)

    model.eval()
    with torch.no_grad():
        samples = model.test_step(next(iter(Runner.build_dataloader(cfg.test_dataloader))))
    keypoints = get_layout(cfg.model.backbone.layout).num_keypoints
    assert len(samples) >= 2
    assert {sample.pred_instances.keypoints.shape for sample in samples} == {(1, keypoints, 2)}


@pytest.mark.parametrize('path', METHODS, ids=lambda path: str(path.relative_to(CONFIGS).with_suffix('')))
def test_config_trains_and_predicts(path, synthetic_faces):
    check_that_it_trains_and_predicts(Config.fromfile(path), synthetic_faces)


# one row of each combination of components that no config file has
NEW_COMBINATIONS = [
    'reproduce/attentive1d.yml:300vw-frozen',
    'reproduce/attentive1d.yml:table1-2d-length-64',
    'reproduce/attentive1d.yml:table1-300vw-2d-length-128',
    'reproduce/star.yml:table3-softargmax-basic-l1-wflw',
    'reproduce/star.yml:table3-basic-l1-wflw',
    'reproduce/star.yml:table3-softargmax-dr-l1-wflw',
    'reproduce/star.yml:table3-dr-l1-wflw',
    'reproduce/star.yml:mahalanobis',
    'reproduce/star.yml:figure4-softargmax-smooth-l1-64px',
    'reproduce/star.yml:figure4-smooth-l1-64px',
    'reproduce/structured.yml:table6-smoothing-none',
    'reproduce/structured.yml:table6-smoothing-image-unaware',
    'reproduce/structured.yml:table6-smoothing-image-aware-star',
    'reproduce/structured.yml:distance-transform',
    'reproduce/structured.yml:mini-distance-transform',
    'reproduce/subpixel.yml:table1-baseline',
    'reproduce/subpixel.yml:table1-correction-static',
    'reproduce/subpixel.yml:table1-global-softargmax',
    'reproduce/subpixel.yml:table1-global-softargmax-prior',
    'reproduce/subpixel.yml:table1-proposed',
    'reproduce/subpixel.yml:table3-window-none',
    'reproduce/subpixel.yml:table3-window-none-quarter-shift',
    'reproduce/subpixel.yml:table3-window-loss',
    'reproduce/subpixel.yml:table2-quarter-shift',
    'reproduce/subpixel.yml:table2-argmax',
    'reproduce/subpixel.yml:mini-baseline',
    'reproduce/subpixel.yml:mini-correction-static',
    'reproduce/subpixel.yml:mini-global-softargmax',
    'reproduce/subpixel.yml:mini-global-softargmax-prior',
    'reproduce/subpixel.yml:mini-window-loss',
    'reproduce/subpixel.yml:mini-quarter-shift',
    'benchmark_300w/rows.yml:heatmap',
    'benchmark_300w/rows.yml:simcc',
    'benchmark_300w/rows.yml:soft_argmax',
    'benchmark_300w/rows.yml:star_smoothing-image-aware',
    'benchmark_300w/rows.yml:star_attention',
    'benchmark_300w/rows.yml:structured_smoothing-none',
    'benchmark_300w/rows.yml:structured_smoothing-image-unaware',
    'benchmark_300w/rows.yml:structured_attention',
    'benchmark_300w/rows.yml:subpixel_argmax',
    'benchmark_300w/rows.yml:attentive1d_local_soft_argmax',
]


def combination(cfg: Config) -> tuple:
    """What has to work together in a step of training or testing."""
    head, backbone = cfg.model.head, cfg.model.backbone
    losses = head.get('loss_landmark') or []
    losses = tuple(loss.type for loss in (losses if isinstance(losses, list) else [losses]))
    settings = tuple(cfg.codec.get(name) for name in ('type', 'encoding', 'decoder', 'mode', 'edges'))
    return (
        cfg.model.type,
        backbone.type,
        backbone.get('attention_maps'),
        head.type,
        losses,
        settings,
        tuple(cfg.codec.input_size),
        cfg.get('find_unused_parameters', False),
    )


@pytest.mark.parametrize('name', NEW_COMBINATIONS)
def test_row_with_a_new_combination_trains_and_predicts(name, synthetic_faces):
    cfg = read_config(f'projects/{name}')
    # the configs' tests are at full width
    cfg.model.backbone.width = 16
    if 'in_channels' in cfg.model.head:
        cfg.model.head.in_channels = 16
    if cfg.model.head.type == 'CoAttentionMarginalHead':
        cfg.model.head.channels = 16
    # the comparison with MMPose's heads trains in one process
    check_that_it_trains_and_predicts(cfg, synthetic_faces, distributed=not name.startswith('benchmark_300w'))


def test_a_step_is_taken_with_the_combination_of_every_row():
    rows = {str(row): combination(config(str(row))) for row in ROWS}
    tested = {combination(config(name)) for name in NAMES[: len(METHODS)]}
    tested |= {rows[f'projects/{name}'] for name in NEW_COMBINATIONS}
    assert [name for name, found in rows.items() if found not in tested] == []


# ------------------------------------------------------------------------------------------------ consistency
def layouts(value: Any) -> Iterator[str]:
    """What every component in a part of a config has as its layout."""
    if isinstance(value, dict):
        if isinstance(value.get('layout'), str):
            yield value['layout']
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from layouts(one)


def evaluators(cfg: Config) -> list:
    return cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]


def datasets(cfg: Config, *parts: str) -> list:
    """Configs of data sets; a config without validation has none for it."""
    loaders = [cfg[f'{part}_dataloader'] for part in parts if cfg[f'{part}_dataloader'] is not None]
    return [dataset for loader in loaders for dataset in leaves(loader.dataset)]


@every_config_and_row
def test_layouts_agree(name):
    cfg = config(name)
    components = [
        cfg.codec,
        cfg.model.backbone,
        cfg.model.head,
        cfg.model.head.decoder,
        *datasets(cfg, 'train', 'val', 'test'),
        *evaluators(cfg),
    ]
    # codecs that see nothing but the landmarks, and MMPose's heads, have none
    assert {one.type for one in components if 'layout' not in one} <= {
        'ContinuousHeatmap',
        'MarginalHeatmap',
        'MSRAHeatmap',
        'SimCCLabel',
        'HeatmapHead',
        'SimCCHead',
    }
    assert set(layouts(cfg._cfg_dict)) == {cfg.layout}


@every_config_and_row
def test_encoder_and_decoder_are_the_codec(name):
    cfg = config(name)
    row, codec = find_row(name), copy.deepcopy(cfg.codec)
    # a row may read a network's heatmaps in another way than it makes its targets
    codec.update(
        {
            key.split('.')[-1]: value
            for key, value in (row.options if row else {}).items()
            if key.startswith('model.head.decoder.')
        }
    )
    assert cfg.model.head.decoder == codec
    for dataset in datasets(cfg, 'train'):
        assert [step.encoder for step in dataset.pipeline if step.type == 'GenerateTarget'] == [cfg.codec]


@every_config_and_row
def test_faces_are_warped_to_the_codecs_input(name):
    cfg = config(name)
    pipelines = [dataset.pipeline for dataset in datasets(cfg, 'train', 'val', 'test')]
    sizes = re.findall(
        r"'type': 'FaceAffine'[^}]*'input_size': (\(\d+, \d+\)|\[\d+, \d+\])",
        str([[dict(step) for step in pipeline] for pipeline in pipelines]),
    )
    assert len(sizes) >= len(pipelines)
    assert {tuple(ast.literal_eval(size)) for size in sizes} == {tuple(cfg.codec.input_size)}


@every_config_and_row
def test_images_are_read_by_what_complains_of_damaged_ones(name):
    steps = [dataset.pipeline[0].type for dataset in datasets(config(name), 'train', 'val', 'test')]
    assert set(steps) <= {'LoadFaceImage', 'LoadVideoFrame'}


@every_config_and_row
def test_a_training_is_guarded_and_downloads_nothing(name):
    cfg = config(name)
    hooks = {cfg.default_hooks[key].type for key in ('checkpoint', 'finite_loss', 'measurable_faces')}
    assert hooks == {'SafeCheckpointHook', 'FiniteLossHook', 'MeasurableFacesHook'}
    assert '://' not in str(cfg._cfg_dict)


@every_config_and_row
def test_config_names_its_batch(name):
    cfg = config(name)
    assert cfg.auto_scale_lr.base_batch_size % cfg.train_dataloader.batch_size == 0


@pytest.mark.parametrize('path', METHODS, ids=lambda path: str(path.relative_to(CONFIGS).with_suffix('')))
def test_the_batch_is_that_of_the_first_lines(path):
    said = re.findall(r'^# (\d+) (?:faces|clips) a step: (\d+) GPUs? x (\d+)\.$', path.read_text(), re.MULTILINE)
    if not said:  # a model that is tested
        assert '# Tests weights of' in path.read_text()
        return
    cfg = config(path.relative_to(REPOSITORY).as_posix())
    base, size = cfg.auto_scale_lr.base_batch_size, cfg.train_dataloader.batch_size
    assert said == [(str(base), str(base // size), str(size))]


@every_row
def test_row_builds_model_metrics_and_pipelines(row):
    cfg = config(str(row))
    init_default_scope(cfg.default_scope)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    assert model.head.decoder is not None
    for evaluator in evaluators(cfg):
        METRICS.build(evaluator)
    for dataset in datasets(cfg, 'train', 'val', 'test'):
        Compose(dataset.pipeline)


@every_row
def test_row_has_the_normalizer_of_its_first_metric(row):
    assert norms_of(evaluators(config(str(row)))[0].get('norm', 'inter_ocular'))[0] == row.normalizer


def based_on(path: Path, name: str) -> bool:
    """Whether a config file has this one among its bases, or theirs."""
    return any(base == CONFIGS / f'_base_/{name}.py' or based_on(base, name) for base in bases(path))


@pytest.mark.parametrize('path', METHODS, ids=lambda path: path.relative_to(CONFIGS).with_suffix('').as_posix())
def test_methods_of_the_reference_code_measure_and_select_as_it_does(path):
    cfg = config(path.relative_to(REPOSITORY).as_posix())
    of_reference = based_on(path, 'methods/hourglass_aam')
    assert {evaluator.get('clamped', False) for evaluator in evaluators(cfg)} == {of_reference}
    assert (cfg.default_hooks.get('ema', {}).get('type') == 'SelectingEMAHook') == of_reference


@pytest.mark.parametrize(
    'name, norms',
    [
        ('300w/structured_hg4', ('inter_ocular', 'inter_pupil')),
        ('300w/star_hg4', ('inter_ocular', 'inter_pupil')),
        ('cofw/structured_hg4', ('inter_pupil', 'inter_ocular')),
        ('cofw/star_hg4', ('inter_pupil', 'inter_ocular')),
        ('cofw/subpixel_hg2', ('inter_ocular', 'inter_pupil')),
        ('wflw/star_hg4', ('inter_ocular',)),
    ],
)
def test_norms_are_those_of_the_papers_tables(name, norms):
    for evaluator in evaluators(config(f'configs/{name}.py')):
        assert norms_of(evaluator.norm) == norms


@every_row
def test_row_has_the_papers_numbers_under_metrics_of_its_tables(row):
    tables = read_rows(row.file).tables
    assert set(row.paper) <= {metric for table in row.tables for metric in tables[table]['metrics']}
    assert all(isinstance(value, (int, float)) for value in row.paper.values())


@every_row
def test_papers_metrics_are_reported(row):
    """Under a norm's name or a prefix: by one evaluator with several norms, or by several evaluators."""
    reported = {None}
    for evaluator in evaluators(config(str(row))):
        reported |= {evaluator.get('prefix'), *norms_of(evaluator.get('norm', 'inter_ocular'))[1:]}
    assert {METRIC.fullmatch(metric)['norm'] for metric in row.paper} <= reported


def place(cfg: Any, key: str) -> Any:
    """A value by a key with dots; None if it is not there."""
    for part in key.split('.'):
        cfg = cfg[int(part)] if isinstance(cfg, (list, tuple)) else (cfg or {}).get(part)
    return cfg


@pytest.mark.parametrize('row', [row for row in ROWS if row.options], ids=str)
def test_each_option_of_a_row_changes_its_config(row):
    base, cfg = config(row.config), config(str(row))
    for key in row.options:
        # the same as before because another option would change it, or in vain
        others = {other: value for other, value in row.options.items() if other != key}
        assert place(base, key) != place(cfg, key) or place(read_config(row.config, others), key) != place(cfg, key)


@pytest.mark.parametrize('path', ROW_FILES, ids=lambda path: path.stem)
def test_no_two_rows_of_a_paper_are_the_same_model(path):
    found = [
        (row.config, repr(sorted(row.options.items())), row.trained_as, row.starts_from)
        for row in read_rows(path).rows.values()
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize('row', [row for row in ROWS if not row.trained_as], ids=str)
def test_a_row_says_from_which_row_it_starts_where_its_config_starts_from_another_one(row):
    needed = config(str(row)).get('starts_from')
    if needed is not None:
        # of the same kind, so that the weights fit
        assert row.starts_from and read_rows(row.file).row(row.starts_from).config == needed


@pytest.mark.parametrize('path', ROW_FILES, ids=lambda path: path.stem)
def test_every_table_of_a_paper_has_rows(path):
    paper = read_rows(path)
    assert {table for row in paper.rows.values() for table in row.tables} == set(paper.tables)


def test_at_least_a_hundred_rows_have_numbers_of_their_papers():
    published = [row for row in ROWS if row.file.parent.name == 'reproduce' and row.paper]
    assert {row.file.stem for row in published} == set(PAPERS)
    assert len(published) >= 100


def test_every_config_is_a_row_without_options():
    rows = {row.config for row in ROWS if not row.options}
    # those on rendered faces are examples, without a claim
    assert [
        path.relative_to(REPOSITORY).as_posix()
        for path in METHODS
        if path.parent.name != 'synthetic' and path.relative_to(REPOSITORY).as_posix() not in rows
    ] == []


# ------------------------------------------------------------------------------------------------ structure
DATASETS = sorted((CONFIGS / '_base_/datasets').glob('*.py'))
METHOD_BASES = sorted((CONFIGS / '_base_/methods').glob('*.py'))
SOURCES = sorted(CONFIGS.rglob('*.py'))
OF_DATA = {'layout', 'train_dataset', 'val_dataset', 'test_dataset', 'val_evaluator', 'test_evaluator'}
stem = dict(ids=lambda path: path.relative_to(CONFIGS).with_suffix('').as_posix())


def variables(path: Path) -> set:
    """Names that a config file gives values itself."""
    return {
        target.id
        for statement in ast.parse(path.read_text()).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    } - {'_base_'}


def bases(path: Path) -> list:
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == '_base_':
            return [(path.parent / base).resolve() for base in ast.literal_eval(statement.value)]
    return []


def levels(path: Path) -> int:
    return 1 + max(map(levels, bases(path)), default=0)


def texts(path: Path) -> set:
    """The strings in a config file."""
    return {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def keywords(path: Path) -> set:
    """The names of arguments and keys in a config file."""
    return {node.arg for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.keyword)}


def test_configs_are_at_most_eighty_files():
    files = [path for path in CONFIGS.rglob('*') if path.suffix in ('.py', '.yml')]
    assert len(METHODS) < len(files) <= 80


@pytest.mark.parametrize('path', SOURCES, **stem)
def test_bases_are_at_most_four_levels_deep(path):
    assert levels(path) <= 4


def test_the_deepest_bases_are_a_config_its_model_for_another_use_its_method_and_the_runtime():
    assert levels(CONFIGS / 'synthetic/structured_hg2_mini.py') == 4
    assert levels(CONFIGS / '_base_/default_runtime.py') == 1


@pytest.mark.parametrize('path', DATASETS, **stem)
def test_base_of_a_data_set_says_layout_files_and_metric(path):
    assert OF_DATA <= variables(path)
    assert get_layout(Config.fromfile(path).layout).num_keypoints > 0


@pytest.mark.parametrize('path', DATASETS, **stem)
def test_base_of_a_data_set_has_nothing_of_a_method(path):
    of_methods = {name for method in METHOD_BASES for name in Config.fromfile(method)}
    assert {'model', 'codec', 'train_pipeline', 'train_dataloader', 'optim_wrapper', 'train_cfg'} <= of_methods
    assert variables(path) & of_methods == set()
    init_default_scope('mmpose')
    assert [
        text for text in texts(path) for registry in (MODELS, KEYPOINT_CODECS, TRANSFORMS) if registry.get(text)
    ] == []
    assert bases(path) == []


@pytest.mark.parametrize('path', METHOD_BASES, **stem)
def test_base_of_a_method_has_nothing_of_a_data_set(path):
    of_data = {name for dataset in DATASETS for name in variables(dataset)}
    assert variables(path) & of_data == set()
    assert [text for text in texts(path) if text.startswith('data/') or text.endswith(('Dataset', 'Metric'))] == []
    assert keywords(path) & {*OF_DATA, 'ann_file', 'data_root', 'norm'} == set()


@pytest.mark.parametrize('path', [path for path in SOURCES if path not in DATASETS], **stem)
def test_layout_is_said_by_data_sets_alone(path):
    names = {Config.fromfile(dataset).layout for dataset in DATASETS}
    assert names == {'wflw98', '300w68', 'cofw29', 'aflw19'}
    assert texts(path) & names == set()
    assert 'layout' not in {*keywords(path), *variables(path)}


@pytest.mark.parametrize('path', DATASETS, **stem)
def test_a_data_set_says_its_layout_once(path):
    assert 'layout' not in keywords(path)


@pytest.mark.parametrize('path', METHODS, **stem)
def test_codec_is_said_once(path):
    assert keywords(path) & {'encoder', 'decoder'} <= ({'decoder'} if 'codec' in variables(path) else set())
    assert 'combined' in config(path.relative_to(REPOSITORY).as_posix())
