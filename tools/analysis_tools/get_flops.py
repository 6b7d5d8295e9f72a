"""Parameters and multiply-adds of a config's model for one image.

    python tools/analysis_tools/get_flops.py configs/wflw/structured_hg4.py

"Multiply-adds" counts convolutions, linear layers and matrix products, one per multiplication with its addition. This
is what the papers call GMACs, and also what MMPose prints as "flops"; floating point operations in the strict sense
are twice as many. Normalisation and interpolation are listed apart; activations and additions are not counted.
"""
import logging

from benchmark_utils import config_parser, load_config

from mmengine.analysis import ActivationAnalyzer, FlopAnalyzer, parameter_count
from mmengine.analysis.print_helper import complexity_stats_table
from mmpose.registry import MODELS

import torch
from torch.utils._pytree import tree_leaves

PRODUCTS = ('conv', 'linear', 'matmul', 'addmm', 'mm', 'bmm', 'einsum')


def main(argv=None):
    parser = config_parser('Parameters and multiply-adds of a model for one image.')
    parser.add_argument('--shape', type=int, nargs=2, metavar=('H', 'W'),
                        help='input size; otherwise that of the head\'s codec')
    parser.add_argument('--depth', type=int, default=3, help='levels of the module tree in the table')
    args = parser.parse_args(argv)
    cfg = load_config(args)
    model = MODELS.build(cfg.model).eval()
    height, width = args.shape or model.head.decoder.input_size[::-1]
    forward = model._forward
    # the tracer takes tensors only, whatever structure the head returns
    model.forward = lambda inputs: tuple(x for x in tree_leaves(forward(inputs)) if torch.is_tensor(x))
    inputs = (torch.zeros(1, 3, height, width), )
    # what it warns about, operators without a count, is printed below
    logging.getLogger('mmengine.analysis.jit_analysis').setLevel(logging.ERROR)
    with torch.no_grad():
        flops = FlopAnalyzer(model, inputs)
        print(complexity_stats_table(flops, args.depth, ActivationAnalyzer(model, inputs), show_param_shapes=False))
        counts = flops.by_operator()
    products = sum(count for name, count in counts.items() if name in PRODUCTS)
    others = {name: count for name, count in counts.items() if name not in PRODUCTS and count}
    parameters = parameter_count(model)['']
    print(f'\nInput            3 x {height} x {width}\n'
          f'Parameters       {parameters:,}\n'
          f'Multiply-adds    {products / 1e9:.3f} G')
    print('Not included     ' + ', '.join(f'{name} {count / 1e9:.3f} G' for name, count in others.items()))
    print('Not counted      ' + ', '.join(f'{name} x{count}' for name, count in flops.unsupported_ops().items()))
    return dict(parameters=parameters, multiply_adds=products)


if __name__ == '__main__':
    main()
