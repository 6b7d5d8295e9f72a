"""What the converters of official checkpoints share: the command line, safe reading, writing and reporting."""

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import mmfld  # before MMPose: prepares the environment and registers the components

# isort: split
import torch
from mmengine import Config
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS

from mmfld.engine.hooks.plain_checkpoint_hook import to_plain
from mmfld.engine.whole_files import save_whole
from mmfld.structures.face_layout import known_layouts

REPOSITORY = Path(__file__).resolve().parents[2]
Weights = dict[str, torch.Tensor]


def command_parser(description: str) -> argparse.ArgumentParser:
    """With the arguments ``src``, ``dst``, ``layout`` and ``overwrite``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('src', type=Path, metavar='SRC', help='official checkpoint')
    parser.add_argument('dst', type=Path, metavar='DST', help='file to write')
    parser.add_argument(
        '--layout', choices=known_layouts(), help='face layout, default: the one with as many landmarks and boundaries'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace DST if it exists')
    return parser


def run(convert: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> int:
    """Check both paths and call ``convert``; the exit status of the command."""
    try:
        if not args.src.is_file():
            raise FileNotFoundError(f'{args.src} is not a file, expected an official checkpoint')
        if args.dst.exists() and not (args.overwrite and args.dst.is_file()):
            raise FileExistsError(f'{args.dst} exists; choose another name, or replace it with --overwrite')
        convert(args)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


def read(src: Path) -> dict:
    """The content of the file.

    Raises:
        ValueError: If it is no dict, or anything but tensors and plain data is in it.
    """
    try:
        checkpoint = torch.load(src, map_location='cpu', weights_only=True)
    except Exception as error:  # unpickling fails in as many ways as files can be broken
        if 'TorchScript' in str(error):
            raise ValueError(
                f'{src} is a TorchScript archive, which holds code and is not loaded for safety; if you trust it, '
                'convert what torch.save(torch.jit.load(SRC).state_dict(), FILE) writes'
            ) from error
        # PyTorch's message goes on with the advice to load the file unsafely
        reason = re.search(r'Unsupported .*?(?=\. Please|\n|$)', str(error))
        raise ValueError(
            f'{src} cannot be read as tensors and plain data, and nothing else is loaded for safety: '
            f'{type(error).__name__}: {reason[0] if reason else error}'
        ) from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{src}: found a {type(checkpoint).__name__}, expected a dict')
    return checkpoint


def choose_weights(checkpoint: dict, name: str, or_alone: bool, src: Path) -> tuple[Weights, str]:
    """The state dict of an official file, and what it is called there.

    Args:
        checkpoint (dict): The content of the file.
        name (str): The entry that holds the state dict.
        or_alone (bool): Whether the content may be a state dict itself.
        src (Path): The file, for the error.

    Raises:
        ValueError: If there is none; it names what was found.
    """
    if isinstance(checkpoint.get(name), dict):
        return checkpoint[name], name
    if or_alone and checkpoint and all(isinstance(value, torch.Tensor) for value in checkpoint.values()):
        return checkpoint, 'state dict'
    found = ', '.join(f'{key!r}: {type(value).__name__}' for key, value in list(checkpoint.items())[:10])
    raise ValueError(
        f'{src}: found no weights {name!r} in a dict with {found or "nothing"}, expected an official '
        'checkpoint with them' + (' or a state dict' if or_alone else '')
    )


def rename(
    convert_state_dict: Callable[[Weights, str | None], Weights],
    state_dict: Weights,
    layout: str | None,
    source: str,
    src: Path,
) -> Weights:
    """Call ``convert_state_dict``; its error also names the file and the entry."""
    try:
        return convert_state_dict(state_dict, layout)
    except ValueError as error:
        raise ValueError(f'{src}: {source}: {error}') from error


def write(dst: Path, weights: Weights, network: torch.nn.Module, source: str, src: Path) -> None:
    """Save the weights of a backbone as a checkpoint that MMEngine's runner and MMPose's inferencers load."""
    meta = dict(
        dataset_meta=to_plain(parse_pose_metainfo(network.layout.metainfo), 'dataset_meta'),
        converted_from=src.name,
        converted_weights=source,
        mmfld_version=mmfld.__version__,
    )
    save_whole(dict(meta=meta, state_dict={f'backbone.{name}': value for name, value in weights.items()}), dst)


def report(src: Path, dst: Path, checkpoint: dict, source: str, network: torch.nn.Module, **found: str) -> None:
    """Print what was found in the file: what all backbones have, and what else is given by name."""
    layout = network.layout
    rows = dict(
        layout=f'{layout.name}: {layout.num_keypoints} landmarks',
        stacks=network.num_stacks,
        parameters=f'{sum(parameter.numel() for parameter in network.parameters()):,}',
    )
    print(f'{src}: {source}' + (f', epoch {checkpoint["epoch"]}' if 'epoch' in checkpoint else ''))
    for name, text in (rows | found).items():
        print(f'  {name:<10}  {text}')
    print(f'{dst}: written')


def print_configs(network: torch.nn.Module, arguments: Sequence[str], option: str, uses: dict[str, str]) -> None:
    """Say which configs have a network, for each value of the option that weights do not show.

    Args:
        network (nn.Module): A backbone.
        arguments (Sequence[str]): Its arguments beside the layout with which a config that is not there would build it.
        option (str): The argument that weights do not show.
        uses (dict[str, str]): By value of the option, who uses it.
    """
    fitting: dict[str, list[str]] = defaultdict(list)
    kind, layout = type(network).__name__, network.layout.name
    # the shortest name; ablations have longer ones and the same network
    for path in sorted((REPOSITORY / 'configs').glob('[!_]*/*_hg[0-9].py')):
        backbone = Config.fromfile(path).model.backbone
        if backbone.type != kind or backbone.get('layout', layout) != layout:
            continue
        with torch.device('meta'):
            candidate = MODELS.build(backbone)
        if shapes(candidate) == shapes(network):
            fitting[getattr(candidate, option)].append(str(path.relative_to(REPOSITORY)))
    print(f'The file does not tell the {option.replace("_", " ")} that the network was trained with. Configs for')
    for value, methods in uses.items():
        parts = dict(type=kind, layout=layout) | {name: getattr(network, name) for name in arguments} | {option: value}
        backbone = ', '.join(f'{name}={part!r}' for name, part in parts.items())
        configs = ', '.join(fitting[value]) or f'none here; write one with backbone=dict({backbone})'
        print(f'  {value!r} ({methods}): {configs}')


def shapes(module: torch.nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in module.state_dict().items()}
