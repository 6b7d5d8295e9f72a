"""NME of one checkpoint under every decoder, from one pass over a data set.

    python tools/analysis_tools/compare_decoders.py CONFIG CHECKPOINT [--split val]

Without a flip test, with it and, where the maps are read as distributions, with its views half a cell apart
(``HalfCellFlipTopdownPoseEstimator``). For heatmaps and, with windows in proportion to their sigma, for one-dimensional
ones.
"""

import math
import sys
from pathlib import Path

import torch
from benchmark_utils import config_parser, load_config
from mmengine.runner import Runner
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.registry import KEYPOINT_CODECS, METRICS
from mmpose.structures import PoseDataSample
from tqdm import tqdm

from mmfld.apis.whole_model import init_picture_model
from mmfld.codecs import MarginalHeatmap
from mmfld.engine.endings import run_tool
from mmfld.models.pose_estimators.half_cell_flip import half_a_cell, mirrored

HALF = 'half a cell apart'
ARGMAX = {'argmax': dict(decoder='argmax')}
HEATMAP_DECODERS = {
    **ARGMAX,
    'argmax + 0.25': dict(decoder='quarter_shift'),
    'local soft-argmax 3': dict(decoder='local_soft_argmax', window=3),
    'local soft-argmax 5': dict(decoder='local_soft_argmax', window=5),
    'local soft-argmax 7': dict(decoder='local_soft_argmax', window=7),
    'expectation': dict(decoder='expectation'),
}


def decoders_for(codec: BaseKeypointCodec) -> dict[str, dict]:
    """Name and arguments of each decoder that a codec knows."""
    if not isinstance(codec, MarginalHeatmap):
        return HEATMAP_DECODERS
    windows = [2 * math.ceil(reach * codec.sigma) + 1 for reach in (0.5, 1, 5 / 3, 2.5, 4)]
    return ARGMAX | {
        f'local soft-argmax {window}': dict(decoder='local_soft_argmax', window=window) for window in windows
    }


@torch.no_grad()
def main(argv=None):
    parser = config_parser('NME of one checkpoint under every decoder.')
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('--split', choices=('val', 'test'), default='val', help='which data set of the config')
    parser.add_argument('--device', default='cuda:0' if torch.cuda.is_available() else 'cpu')
    args = parser.parse_args(argv)
    if not args.checkpoint.is_file():
        parser.error(f'checkpoint {args.checkpoint} does not exist')
    cfg = load_config(args)
    model = init_picture_model(cfg, str(args.checkpoint), device=args.device)
    loader = Runner.build_dataloader(cfg[f'{args.split}_dataloader'])
    head = model.head
    codecs = {
        name: KEYPOINT_CODECS.build(dict(cfg.model.head.decoder, **options))
        for name, options in decoders_for(head.decoder).items()
    }
    shifts = {}
    for name, head.decoder in codecs.items():
        shifts[name] = half_a_cell(head)
    ways = {'one pass': {}, 'flip test': dict(flip_test=True)}
    if any(shifts.values()):
        ways[HALF] = dict(flip_test=True, flip_shift=next(filter(None, shifts.values())))
    metrics = {
        (name, way): METRICS.build(cfg[f'{args.split}_evaluator'])
        for name in codecs
        for way in ways
        if way != HALF or shifts[name]
    }

    for batch in tqdm(loader, desc='predicting', unit='batch'):
        data = model.data_preprocessor(batch)
        inputs = data['inputs']
        feats = {
            way: model.extract_feat(mirrored(inputs, test_cfg.get('flip_shift', (0, 0))) if test_cfg else inputs)
            for way, test_cfg in ways.items()
        }
        for (name, way), metric in metrics.items():
            head.decoder = codecs[name]
            views = [feats['one pass'], feats[way]] if ways[way] else feats[way]
            preds = head.predict(views, data['data_samples'], ways[way])
            samples = [
                PoseDataSample(metainfo=sample.metainfo, gt_instances=sample.gt_instances)
                for sample in data['data_samples']
            ]
            metric.process(None, [sample.to_dict() for sample in model.add_pred_to_datasample(preds, None, samples)])

    results = {key: metric.evaluate(len(loader.dataset))['NME'] for key, metric in metrics.items()}
    print(f'{"NME in percent":<22}' + ''.join(f'{way:>19}' for way in ways))
    for name in codecs:
        cells = [f'{results[name, way]:.3f}' if (name, way) in results else '-' for way in ways]
        print(f'{name:<22}' + ''.join(f'{cell:>19}' for cell in cells))


if __name__ == '__main__':
    sys.exit(run_tool(main))
