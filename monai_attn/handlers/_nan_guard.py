"""Stop a training that has gone wrong before it costs what it had, and say in one line why others stop."""

import errno
import re
from collections.abc import Iterable
from typing import Any

import torch
from ignite.engine import Engine
from monai.engines.utils import IterationEvents
from torch import nn

from ._signals import TrainingInterrupted

__all__ = ["ResourceExhausted", "StopOnBadLoss", "check_finite", "explained"]

MEMORY = "lower --batch_size of a training, --sw_batch_size or --patch_size; --cache_rate 0 keeps no cases in memory"
WORKERS = "pass --num_workers 0, or see that there is memory and room in /dev/shm for them (docker run --shm-size=4g)"


class ResourceExhausted(RuntimeError):  # noqa: N818 - the machine's state, not a mistake
    """Memory or a worker process gave out; the text says what to lower."""


class StopOnBadLoss:
    """Stop at the first loss that is NaN or infinite, before it reaches the weights.

    Args:
        network: the one that is trained.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def attach(self, engine: Engine) -> None:
        """Hang on a trainer."""
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self._look)

    def _look(self, engine: Engine) -> None:
        output: Any = engine.state.output
        loss = output["loss"]
        if torch.isfinite(loss).all():
            return
        state: Any = engine.state
        where = f"loss={loss.item()} in epoch {state.epoch} (iteration {state.iteration}), cases {_names(state.batch)}"
        check_finite(self.network, where)
        bad = [key for key in ("image", "label") if not _finite(state.batch[key])]
        cause = f"NaN or infinite voxels in their {' and '.join(bad)}" if bad else "the step before was too large"
        cure = "run monai-attn check on the data, mend or leave out the cases" if bad else "lower --learning_rate"
        if not bad and state.iteration > 1 and (state.iteration - 1) % state.epoch_length == 0:
            cure = "that step is in the newest checkpoint: delete it, lower --learning_rate"
        raise FloatingPointError(f"{where}: {cause}. Nothing was saved of it; {cure} and go on with resume.json")


def check_finite(network: nn.Module, where: str) -> None:
    """Raise ``FloatingPointError`` if a weight is NaN or infinite.

    Args:
        network: whose weights.
        where: in the training, for the message.
    """
    for name, tensor in network.state_dict().items():
        if not _finite(tensor):
            raise FloatingPointError(
                f"{where}: weights {name} became NaN or infinite. Nothing was saved of it; lower --learning_rate and "
                "go on with resume.json"
            )


def explained(error: BaseException) -> Exception | None:
    """For what machines run out of, an exception with cause and cure in one line; ``None`` for others."""
    if isinstance(error, ResourceExhausted | TrainingInterrupted):
        return None
    text = str(error)
    lines = text.strip().splitlines() or [""]
    first = lines[-1 if lines[0].startswith("Caught ") else 0].rstrip(". ")  # what a worker sent is a whole traceback
    low = text.lower()
    if isinstance(error, RuntimeError) and re.search(r"dataloader worker.*(exited unexpectedly|killed by signal)", low):
        return ResourceExhausted(f"a DataLoader worker died ({first}), most often for lack of memory: {WORKERS}")
    if isinstance(error, RuntimeError) and re.search(r"shared memory|received 0 items of ancdata", low):
        return ResourceExhausted(f"DataLoader workers could not hand over their data ({first}): {WORKERS}")
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in low:
        return ResourceExhausted(f"out of memory ({first or type(error).__name__}): {MEMORY}")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return OSError(f"the disk is full ({error}): free some of it and run it again, a training with resume.json")
    return None


def _finite(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _names(batch: Any) -> str:
    names: Iterable[Any] = batch.get("case", ["unknown"])
    return ", ".join(f"'{name}'" for name in dict.fromkeys(names))
