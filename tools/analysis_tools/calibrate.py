"""Measures how far a model's landmarks are off, and what it says when they are covered, and stores that with it.

    python tools/analysis_tools/calibrate.py CONFIG CHECKPOINT DST [--overwrite]

The faces are those of the config's ``val_dataset``, which chose the epoch: each as it is, and in several views that are
worse, by the package's augmentation, some of them in crops that are off as those of detected faces are. DST is
CHECKPOINT with a ``calibration``: from it, inference and ``mmfld export`` have a covariance of the error of each
landmark, and the probability that it is visible, see :class:`mmfld.uncertainty.calibration.LandmarkCalibration`.

Besides, the faces are turned by quarters: half-way between the mean scores of upright faces (their first percentile)
and of turned ones (their last) lies the score from which on a face is the right way up, ``sure`` of inference and
export, unless the checkpoint has one.

Printed is what a calibration by one half of the faces says of the other half: how many percent of the landmarks lie in
the ellipses that should hold 50, 68, 90 and 95 %, the mean negative log-likelihood of the errors in pixels of the
network input, and how well covered landmarks are told from visible ones (area under the curve).
"""

import argparse
import sys
from contextlib import redirect_stdout
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmpose.registry import DATASETS
from tqdm import tqdm

import mmfld  # noqa: F401  prepares the environment and registers the components
from mmfld.apis import FaceLandmarkInferencer
from mmfld.apis.onnx_export import CropsToLandmarks
from mmfld.cli.calibrate import add_arguments
from mmfld.counts import how_many
from mmfld.engine.checkpoint import read_checkpoint
from mmfld.engine.endings import run_tool
from mmfld.engine.rows import read_config
from mmfld.engine.whole_files import save_whole
from mmfld.models.heads.uncertain_head import UncertainHead
from mmfld.uncertainty.calibration import LandmarkCalibration
from mmfld.uncertainty.fitting import fit
from mmfld.uncertainty.measures import LEVELS, auroc, coverage, negative_log_likelihood

BATCH = 16
CROPPING = ('FaceAffine', 'TopdownAffine')
COVERS = 4  # in crops that fit, and as many in others
COVER = dict(type='RandomCover', prob=1.0, low=0.2, high=0.6)
WORSE = dict(
    small=dict(type='RandomLowResolution', prob=1.0),
    compressed=dict(type='RandomJPEG', prob=1.0),
    moved=dict(type='RandomMotionBlur', prob=1.0),
    blurred=dict(type='RandomBoxBlur', prob=1.0, max_kernel=0.08),
    bright=dict(type='RandomGamma', prob=1.0),
    coloured=dict(type='RandomChannelGain', prob=1.0, low=0.3, high=1.6),
    **{f'covered {n}': COVER for n in range(1, COVERS + 1)},
)
# about as far off as the first crops of covered faces that the shipped detector finds
ROUGH = dict(type='RandomFaceSimilarity', rotation=0.0, scale=0.08, shift=0.04)
WORSE_IN_ROUGH_CROPS = {'roughly framed': None, **{f'roughly framed, covered {n}': COVER for n in range(1, COVERS + 1)}}
AS_IS = 'as they are'
AS_IS_WEIGHT = (len(WORSE) + len(WORSE_IN_ROUGH_CROPS)) / 2  # a third of all


class Views(NamedTuple):
    """Of N faces, one after the other, all of a view together.

    Attributes:
        scores, spread, errors, visible (Tensor): As :func:`mmfld.uncertainty.fitting.fit` takes them.
    """

    scores: torch.Tensor
    spread: torch.Tensor
    errors: torch.Tensor
    visible: torch.Tensor


def crops_of(cfg: Config, is_rough: bool = False) -> list[dict]:
    """The crops of the validation faces, as the network sees them, with ``transformed_keypoints``.

    Args:
        cfg (Config): Its test pipeline is used.
        is_rough (bool): Crops that are off by :data:`ROUGH`.

    Raises:
        ValueError: If the test pipeline has no step that crops, or does not end in what packs a sample, or a face lacks
            landmarks.
    """
    settings = cfg.val_dataloader.dataset
    if settings.pipeline[-1]['type'] != 'PackPoseInputs':
        raise ValueError(
            f'{cfg.filename}: the pipeline of val_dataset ends with {settings.pipeline[-1]["type"]}, '
            'expected PackPoseInputs'
        )
    pipeline = settings.pipeline[:-1]
    if is_rough:
        crop = next((n for n, step in enumerate(pipeline) if step['type'] in CROPPING), None)
        if crop is None:
            raise ValueError(f'{cfg.filename}: the pipeline of val_dataset has none of {", ".join(CROPPING)}')
        pipeline = [*pipeline[:crop], ROUGH, *pipeline[crop:]]
    dataset = DATASETS.build({**settings, 'pipeline': pipeline})
    crops = [dataset[n] for n in tqdm(range(len(dataset)), desc='faces', leave=False)]
    lacking = [str(crop['id']) for crop in crops if not (crop['keypoints_visible'] > 0).all()]
    if lacking:
        raise ValueError(
            f'{settings.ann_file}: landmarks of {how_many(len(lacking), "face")} are not annotated (annotations '
            f'{", ".join(lacking[:5])}), expected all of them'
        )
    return crops


@torch.no_grad()
def look(module: CropsToLandmarks, crops: list[dict]) -> Views:
    """What the network says of crops, and how far it is off."""
    parts = []
    for start in tqdm(range(0, len(crops), BATCH), desc='network', leave=False):
        batch = crops[start : start + BATCH]
        feats, maps, _ = module.maps(torch.from_numpy(np.stack([crop['img'] for crop in batch])))
        landmarks, scores = module.read(feats, maps)
        truth = torch.from_numpy(np.concatenate([crop['transformed_keypoints'][..., :2] for crop in batch]))
        covered = torch.from_numpy(
            np.concatenate([crop.get('keypoints_covered', np.zeros(truth.shape[1:2], bool)[None]) for crop in batch])
        )
        parts.append((scores, module.model.head.spread(*maps), landmarks - truth, ~covered))
    return Views(*map(torch.cat, zip(*parts)))


def upright_score(module: CropsToLandmarks, crops: list[dict], upright: Views) -> float | None:
    """The mean score that tells upright faces from those turned by quarters; None if it does not."""
    turned = [dict(crop, img=np.rot90(crop['img'], quarters).copy()) for crop in crops for quarters in (1, 2, 3)]
    low = float(np.percentile(upright.scores.mean(1), 1))
    high = float(np.percentile(look(module, turned).scores.mean(1), 99))
    print(f'mean scores: 99 of 100 upright faces above {low:.3f}, 99 of 100 turned ones below {high:.3f}')
    return (low + high) / 2 if high < low else None


def fit_to(views: dict[str, Views], faces: torch.Tensor) -> LandmarkCalibration:
    """The calibration by some of the faces (indices), in all views."""
    parts = [Views(*(values[faces] for values in view)) for view in views.values()]
    weights = torch.cat([torch.full((len(faces),), AS_IS_WEIGHT if name == AS_IS else 1.0) for name in views])
    return fit(*map(torch.cat, zip(*parts)), weights)


def table(views: dict[str, Views]) -> list[str]:
    """Of each view, by calibrations of the other half of the faces each."""
    faces = torch.arange(len(views[AS_IS].scores))
    told = {name: [] for name in views}
    for half in range(2):
        calibration = fit_to(views, faces[faces % 2 != half])
        degrees = float(calibration.degrees_of_freedom)
        for name, view in views.items():
            scores, spread, errors, visible = (values[faces % 2 == half] for values in view)
            found = calibration(scores.float(), spread.float())
            told[name].append(
                (errors.numpy(), found.covariances.double().numpy(), degrees, found.visible.numpy(), visible.numpy())
            )
    lines = [
        f'| | {" | ".join(f"{level:.0%}" for level in LEVELS)} | NLL | AUROC |',
        f'|{" --- |" * (len(LEVELS) + 3)}',
    ]
    rows = {
        **{name: told[name] for name in views if name == AS_IS or 'covered' not in name},
        'covered': [half for name in views if name.startswith('covered') for half in told[name]],
        'covered, roughly framed': [half for name in WORSE_IN_ROUGH_CROPS if 'covered' in name for half in told[name]],
        'all but as they are': [half for name in views if name != AS_IS for half in told[name]],
    }
    for name, halves in rows.items():
        shares = np.mean([coverage(*half[:3]) for half in halves], axis=0) * 100
        likelihood = np.mean([negative_log_likelihood(*half[:3]) for half in halves])
        tells = auroc(*(np.concatenate([half[n].ravel() for half in halves]) for n in (3, 4)))
        lines.append(
            f'| {name} | {" | ".join(f"{share:.1f}" for share in shares)} | {likelihood:.3f} | '
            f'{"-" if np.isnan(tells) else f"{tells:.3f}"} |'
        )
    return lines


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    args = parser.parse_args(argv)
    if args.dst.exists() and not args.overwrite:
        parser.error(f'{args.dst} exists already; --overwrite replaces it')
    checkpoint = read_checkpoint(args.checkpoint)
    cfg = read_config(args.config, args.cfg_options)
    with redirect_stdout(sys.stderr):  # what is logged
        model = FaceLandmarkInferencer(cfg, args.checkpoint, device='cpu', detector='whole_image').model
    if not isinstance(model.head, UncertainHead):
        raise ValueError(f'{args.config}: found a {type(model.head).__name__}, expected a head of this package')
    crops = crops_of(cfg)
    module = CropsToLandmarks(model, bool(model.test_cfg.get('flip_test', False))).eval()
    views = {AS_IS: look(module, crops)}
    np.random.seed(args.seed)
    for worse, in_crops in ((WORSE, crops), (WORSE_IN_ROUGH_CROPS, crops_of(cfg, is_rough=True))):
        for name, step in worse.items():
            change = Compose([] if step is None else [step])
            views[name] = look(module, [change(dict(crop)) for crop in in_crops])
    print(f'{how_many(len(crops), "face")}, {how_many(len(views), "view")}')
    print(*table(views), sep='\n')
    calibration = fit_to(views, torch.arange(len(crops)))
    measured = dict(checkpoint.get('measured', {}))
    sure = upright_score(module, crops, views[AS_IS])
    if sure is not None:
        measured.setdefault('sure', sure)
    calibrated = {name: value.clone() for name, value in calibration.values().items()}
    save_whole({**checkpoint, 'calibration': calibrated, 'measured': measured}, args.dst)
    print(f'{args.dst}: {args.checkpoint} with its calibration')
    return 0


if __name__ == '__main__':
    sys.exit(run_tool(main))
