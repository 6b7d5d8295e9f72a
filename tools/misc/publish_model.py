"""Make a small file for users of a training's checkpoint: the weights in float16, their calibration if there is one,
and what inference needs to know.

    python tools/misc/publish_model.py CONFIG CHECKPOINT DST [--sure SCORE] [--min-score SCORE] [--licence TEXT]

``FaceLandmarkInferencer(weights=DST)`` needs nothing else. DST holds plain data, read with ``weights_only=True``. Test
it as any checkpoint, ``tools/test.py CONFIG DST``: half precision should not change the NME's third decimal.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

import mmfld  # noqa: F401  prepares the environment and registers the components
from mmfld.cli.measured import add_measured_arguments, given_measured
from mmfld.engine.checkpoint import read_checkpoint, weights_in
from mmfld.engine.endings import run_tool
from mmfld.engine.rows import read_config
from mmfld.engine.whole_files import save_whole


def half(state_dict: dict, path: str) -> dict:
    """Floating-point tensors as float16, but running variances beyond its range as they are: they are squares.

    Raises:
        ValueError: If another value is not finite in float16, or a whole tensor vanishes.
    """
    result = {}
    for name, value in state_dict.items():
        if value.is_floating_point():
            rounded = value.half()
            if rounded.isfinite().all() and (rounded.any() or not value.any()):
                value = rounded
            elif not (name.endswith('.running_var') and value.isfinite().all()):
                raise ValueError(
                    f'{path}: {name} has values up to {value.abs().max():g}, expected the range of float16'
                )
        result[name] = value.contiguous().clone()
    return result


def publish(config: str, checkpoint: str, dst: Path, measured: dict | None = None) -> None:
    """Check and write; see the module. What is ``measured`` already is kept, unless it is given anew.

    Raises:
        ValueError: If the checkpoint does not fit the config, or has values that float16 cannot hold.
    """
    cfg = read_config(config)
    init_default_scope(cfg.default_scope)
    content = read_checkpoint(checkpoint)
    state_dict = half(weights_in(content), checkpoint)
    try:
        MODELS.build(cfg.model).load_state_dict(state_dict)
    except RuntimeError as error:
        raise ValueError(f'{checkpoint} does not fit {config}: {error}') from error
    meta = dict(cfg=cfg.pretty_text, dataset_meta=content['meta']['dataset_meta'], mmfld_version=mmfld.__version__)
    more = {name: content[name] for name in ('calibration',) if name in content}
    measured = {**content.get('measured', {}), **(measured or {})}
    save_whole(dict(meta=meta, state_dict=state_dict, measured=measured, **more), dst)


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('dst', type=Path)
    add_measured_arguments(parser)
    parser.add_argument('--overwrite', action='store_true', help='replace DST')
    args = parser.parse_args(argv)
    if not Path(args.checkpoint).is_file():
        parser.error(f'{args.checkpoint} does not exist')
    if args.dst.exists() and not args.overwrite:
        parser.error(f'{args.dst} exists already; --overwrite replaces it')
    try:
        publish(args.config, args.checkpoint, args.dst, given_measured(args))
    except FileNotFoundError as error:
        parser.error(f'config {error}')
    except (KeyError, ValueError) as error:
        print(error.args[0], file=sys.stderr)
        return 1
    content = args.dst.read_bytes()
    print(f'{args.dst}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}')
    return 0


if __name__ == '__main__':
    sys.exit(run_tool(main))
