"""Evaluates a trained model on the test set and draws one picture of it.

    python tools/misc/summarize_run.py CONFIG CHECKPOINT [--out summary.png]

The picture shows faces from the best to the worst with landmarks and heatmaps, and the curves of the run in whose
folder the checkpoint lies.
"""

import argparse
import sys
from pathlib import Path

import mmfld  # noqa: F401  before MMPose: prepares the environment and registers the components

# isort: split
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import METRICS
from tqdm import tqdm

from mmfld.apis.whole_model import init_whole_model
from mmfld.engine.endings import run_tool
from mmfld.engine.options import OptionsAction
from mmfld.engine.rows import read_config
from mmfld.visualization import draw_run_summary, select_faces, to_input_pixels


@torch.no_grad()
def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('--num', type=int, default=8, help='faces to draw (default 8)')
    parser.add_argument('--out', type=Path, help='default: summary.png beside the checkpoint')
    parser.add_argument('--device', default='cuda:0' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction, default={}, metavar='KEY=VALUE')
    args = parser.parse_args(argv)
    if not args.checkpoint.is_file():
        parser.error(f'checkpoint {args.checkpoint} does not exist')

    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    model = init_whole_model(cfg, str(args.checkpoint), device=args.device)
    loader = Runner.build_dataloader(cfg.test_dataloader)
    metric = METRICS.build(cfg.test_evaluator)
    metric.dataset_meta = loader.dataset.metainfo
    for batch in tqdm(loader, desc='predicting', unit='batch'):
        metric.process(batch, [sample.to_dict() for sample in model.test_step(batch)])
    errors = [100 * result['errors']['NME'] for result in metric.results]
    results = metric.evaluate(len(loader.dataset))

    # once more, a few faces, for their inputs and heatmaps
    model.test_cfg['output_heatmaps'] = True
    faces = []
    for index in tqdm(select_faces(errors, args.num), desc='drawing', unit='face'):
        batch = loader.collate_fn([loader.dataset[index]])
        image = batch['inputs'][0].permute(1, 2, 0).numpy()[..., ::-1]
        sample = model.test_step(batch)[0]
        heatmaps = sample.pred_fields.heatmaps.float().cpu()
        heatmaps = torch.softmax(heatmaps.flatten(1), 1).view_as(heatmaps) if heatmaps.min() < 0 else heatmaps
        faces.append(
            dict(
                image=image,
                nme=errors[index],
                heatmap=heatmaps.amax(0).sqrt().numpy(),
                predicted=to_input_pixels(sample.pred_instances.keypoints[0], sample.metainfo),
                annotated=to_input_pixels(sample.gt_instances.keypoints[0], sample.metainfo),
            )
        )
    out = args.out or args.checkpoint.parent / 'summary.png'
    figure = draw_run_summary(
        faces, args.checkpoint.parent, f'{Path(args.config).stem}: NME {results["NME"]:.2f} % on {len(errors)} faces'
    )
    figure.savefig(out, dpi=110)
    print(f'NME {results["NME"]:.3f} %   FR {results["FR"]:.2f} %   AUC {results["AUC"]:.4f}   ({len(errors)} faces)')
    print(f'picture {out}')


if __name__ == '__main__':
    sys.exit(run_tool(main))
