"""Takes the step again at which a training ended because its loss was not finite.

    python tools/misc/replay_step.py work_dirs/300w/structured_hg2_mini/not_finite.pth

The file has the weights before the step and its batch (:class:`mmfld.engine.hooks.FiniteLossHook`). Prints the loss
terms of the batch as they were and in float32, and of each sample alone, in float32 with the statistics of that sample.
"""

import argparse
import sys

import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

import mmfld  # noqa: F401  prepares the environment and registers the components
from mmfld.engine.endings import run_tool
from mmfld.engine.launch import require_checkpoint
from mmfld.engine.plain_batch import unpack
from mmfld.engine.plain_config import config_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', metavar='NOT_FINITE.pth')
    args = parser.parse_args()
    require_checkpoint(parser, args.file)
    step = torch.load(args.file, weights_only=True)
    if not {'meta', 'state_dict', 'losses', 'batch'} <= set(step):
        parser.error(f'{args.file} is no step that FiniteLossHook has kept: found {", ".join(map(str, step))}')
    cfg = config_of(step)
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    model = MODELS.build(cfg.model).train()
    model.load_state_dict(step['state_dict'])

    epoch, iteration = (step['meta'][name] + 1 for name in ('epoch', 'iter'))
    print(f'epoch {epoch}, iteration {iteration}; as it was: {listed(step["losses"])}')
    batch = unpack(step['batch'])
    batches = batch if isinstance(batch, list) else [batch]  # of a step with accumulation
    for batch in batches:
        print(f'batch of {len(batch["inputs"])}, in float32: {listed(losses(model, batch))}')
    for batch in batches:
        for inputs, sample in zip(batch['inputs'], batch['data_samples']):
            try:
                terms = listed(losses(model, pseudo_collate([dict(inputs=inputs, data_samples=sample)])))
            except ValueError as error:  # statistics over one value
                terms = f'not alone ({error})'
            print(f'{sample.metainfo.get("id")} ({sample.metainfo.get("img_path")}): {terms}')


@torch.no_grad()
def losses(model: torch.nn.Module, batch: dict) -> dict:
    data = model.data_preprocessor(batch, True)
    _, terms = model.parse_losses(model(**data, mode='loss'))
    return {name: float(value) for name, value in terms.items()}


def listed(terms: dict) -> str:
    return ', '.join(f'{name} {value:g}' for name, value in terms.items())


if __name__ == '__main__':
    sys.exit(run_tool(main))
