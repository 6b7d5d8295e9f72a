from .accumulating_train_loop import AccumulatingTrainLoop
from .cpu_amp_optim_wrapper import CPUAmpOptimWrapper
from .hooks import *  # noqa: F401,F403
from .stoppable_train_loop import StoppableTrainLoop

__all__ = ['AccumulatingTrainLoop', 'CPUAmpOptimWrapper', 'StoppableTrainLoop']
