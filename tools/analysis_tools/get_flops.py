"""Parameters and multiply-adds of a config's model for one image.

    python tools/analysis_tools/get_flops.py configs/wflw/structured_hg4.py

"Multiply-adds" counts convolutions, linear layers and matrix products, one per multiplication with its addition. This
is what the papers call GMACs, and also what MMPose prints as "flops"; floating point operations in the strict sense
are twice as many. Normalisation and interpolation are listed apart; activations and additions are not counted.
"""

import sys

import torch
from benchmark_utils import config_parser, load_config
from mmengine.analysis import ActivationAnalyzer
from mmengine.analysis.print_helper import complexity_stats_table
from mmpose.registry import MODELS
from torch.utils._pytree import tree_leaves

from mmfld.engine.complexity import complexity
from mmfld.engine.endings import run_tool


def main(argv=None):
    parser = config_parser('Parameters and multiply-adds of a model for one image.')
    parser.add_argument(
        '--shape', type=int, nargs=2, metavar=('H', 'W'), help="input size; otherwise that of the head's codec"
    )
    parser.add_argument('--depth', type=int, default=3, help='levels of the module tree in the table')
    args = parser.parse_args(argv)
    cfg = load_config(args)
    model = MODELS.build(cfg.model).eval()
    height, width = args.shape or model.head.decoder.input_size[::-1]
    count = complexity(model, (width, height))
    forward = model._forward
    model.forward = lambda inputs: tuple(x for x in tree_leaves(forward(inputs)) if torch.is_tensor(x))
    with torch.no_grad():
        activations = ActivationAnalyzer(model, (torch.zeros(1, 3, height, width),))
        print(complexity_stats_table(count.analyzer, args.depth, activations, show_param_shapes=False))
    print(
        f'\nInput            3 x {height} x {width}\n'
        f'Parameters       {count.parameters:,}\n'
        f'Multiply-adds    {count.multiply_adds / 1e9:.3f} G'
    )
    print('Not included     ' + ', '.join(f'{name} {n / 1e9:.3f} G' for name, n in count.others.items()))
    print('Not counted      ' + ', '.join(f'{name} x{n}' for name, n in count.analyzer.unsupported_ops().items()))
    return dict(parameters=count.parameters, multiply_adds=count.multiply_adds)


if __name__ == '__main__':
    sys.exit(run_tool(main))
