"""Two processes validate the network that is saved."""

import os
import socket

import torch
from mmengine.hooks import EMAHook
from torch import nn

from mmfld.engine.hooks import SyncStatisticsHook


class Network(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.norm.running_mean.fill_(value)


class OfARunner:
    def __init__(self, rank):
        self.model = Network(float(rank))
        ema = EMAHook()
        ema.ema_model = Network(10.0 * rank)
        self.hooks = [ema]


def process(rank, port, folder):
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.distributed.init_process_group('gloo', rank=rank, world_size=2)
    runner = OfARunner(rank)
    SyncStatisticsHook().after_train_epoch(runner)
    torch.save(
        [network.norm.state_dict() for network in (runner.model, runner.hooks[0].ema_model)], f'{folder}/{rank}.pth'
    )
    torch.distributed.destroy_process_group()


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def test_statistics_are_the_mean_of_all_processes(tmp_path):
    torch.multiprocessing.spawn(process, (free_port(), tmp_path), nprocs=2)
    for rank in range(2):
        raw, averaged = torch.load(tmp_path / f'{rank}.pth')
        assert raw['running_mean'].tolist() == [0.5, 0.5] and averaged['running_mean'].tolist() == [5.0, 5.0]
        assert raw['running_var'].tolist() == [1.0, 1.0] and raw['num_batches_tracked'] == 0


def test_one_process_is_left_alone():
    runner = OfARunner(3)
    SyncStatisticsHook().after_train_epoch(runner)
    assert runner.model.norm.running_mean.tolist() == [3.0, 3.0]
