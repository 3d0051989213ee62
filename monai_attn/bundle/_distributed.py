"""Several processes, one for each GPU, as ``torchrun`` starts them."""

import os
import signal
import threading
import time
from typing import Any

import torch
from monai.data import DistributedSampler

from ._one_line import one_line_errors

__all__ = ["not_main", "num_ranks", "rank_device", "rank_sampler", "start_ranks"]

WATCH_S = 1.0  # between two looks at the launcher
GRACE_S = 30.0


def start_ranks() -> None:
    """Join the process group that ``torchrun`` prepared: NCCL where there is CUDA, gloo on CPU.

    Raises:
        ValueError: when the program was not started by ``torchrun``, or there are fewer GPUs than processes.
    """
    if "LOCAL_RANK" not in os.environ:
        raise ValueError(
            "this config runs in several processes: start it with "
            "torchrun --standalone --nproc_per_node=<GPUs> -m monai.bundle run ..."
        )
    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        if int(os.environ["LOCAL_RANK"]) >= count:
            raise ValueError(f"process {os.environ['LOCAL_RANK']} has no GPU of its own: pass --nproc_per_node={count}")
        torch.cuda.set_device(rank_device())
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    one_line_errors()  # again, since that has put a hook of its own before ours, which loses the exit status


def _end_with(launcher: int) -> None:
    """End this process when its launcher is gone, as a signal would; at once where that does not help."""
    while os.getppid() == launcher:  # on Windows, where it stays, for ever
        time.sleep(WATCH_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)  # for the end of an iteration; one that waits for a rank which is gone has none
    os._exit(128 + signal.SIGTERM)


def rank_device() -> torch.device:
    """The GPU of this process, or the CPU where there is no CUDA."""
    rank = os.environ.get("LOCAL_RANK", "0")
    return torch.device(f"cuda:{rank}" if torch.cuda.is_available() else "cpu")


def num_ranks() -> int:
    """Number of processes that train or score together; 1 without ``torchrun``."""
    started = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if started else 1


def not_main() -> bool:
    """Whether this is one of several processes and not the first, which alone prints and tracks."""
    return num_ranks() > 1 and torch.distributed.get_rank() > 0


def rank_sampler(dataset: Any, seed: int | None = None) -> DistributedSampler | None:
    """The sampler that deals a data set to several processes; ``None`` for a single one, which needs none.

    Args:
        dataset: what to sample from.
        seed: of the order, which :class:`monai_attn.handlers.ReseedEpochs` changes with each epoch, and each process
            gets the same number of items; ``None`` keeps the order and deals each item once.
    """
    if num_ranks() == 1:
        return None
    return DistributedSampler(dataset, even_divisible=seed is not None, shuffle=seed is not None, seed=seed or 0)
