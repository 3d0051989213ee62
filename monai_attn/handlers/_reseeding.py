"""Random numbers that depend on the seed and the epoch alone, so that a resumed training draws what it would have."""

import hashlib
import random
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from monai.data import set_rnd

__all__ = ["ReseedEpochs"]


class ReseedEpochs:
    """Seed ``random``, NumPy, torch and every random transform at the start of each epoch.

    Each of several processes draws its own. A sampler that has ``set_epoch``, such as MONAI's ``DistributedSampler``,
    is told the epoch, so that all processes deal out the same order.

    With DataLoader workers their transforms follow too, because torch draws the workers' seeds from its own generator
    when an epoch begins; persistent workers keep the old ones, so that a resumed training would differ.

    Args:
        dataset: has the transforms.
        seed: of the training.
    """

    def __init__(self, dataset: Any, seed: int) -> None:
        self.dataset, self.seed = dataset, seed

    def attach(self, engine: Engine) -> None:
        """Hang on a trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._reseed)

    def _reseed(self, engine: Engine) -> None:
        seed = epoch_seed(self.seed, engine.state.epoch, _rank())
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - what others' transforms may draw from
        torch.manual_seed(seed)
        set_rnd(self.dataset, seed)
        sampler: Any = getattr(engine.state.dataloader, "sampler", None)
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(engine.state.epoch)


def _rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def epoch_seed(seed: int, epoch: int, rank: int = 0) -> int:
    """A seed below 2**31, unlike that of any epoch, rank or seed nearby."""
    digest = hashlib.sha256(f"{seed} {epoch} {rank}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
