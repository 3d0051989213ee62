"""Stop a training whose loss or weights are no longer numbers, before it overwrites good ones."""

from collections.abc import Iterable
from typing import Any

import torch
from ignite.engine import Engine
from monai.engines.utils import IterationEvents
from torch import nn

__all__ = ["StopOnBadLoss", "check_finite"]


class StopOnBadLoss:
    """Stop at the first loss that is NaN or infinite, before it reaches the weights.

    Args:
        network: the one that is trained.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def attach(self, engine: Engine) -> None:
        """Hang on a trainer."""
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self._check_loss)

    def _check_loss(self, engine: Engine) -> None:
        output: Any = engine.state.output
        loss = output["loss"]
        if torch.isfinite(loss).all():
            return
        state: Any = engine.state
        where = (
            f"loss={loss.item()} in epoch {state.epoch} (iteration {state.iteration}), cases {_name_cases(state.batch)}"
        )
        check_finite(self.network, where)
        bad = [key for key in ("image", "label") if not _finite(state.batch[key])]
        cause = f"NaN or infinite voxels in their {' and '.join(bad)}" if bad else "the step before was too large"
        cure = "run monai-attn check on the data, fix or remove the cases" if bad else "lower `learning_rate`"
        if not bad and state.iteration > 1 and (state.iteration - 1) % state.epoch_length == 0:
            cure = "that step is in the newest checkpoint: delete it, lower `learning_rate`"
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
                f"{where}: weights {name} became NaN or infinite. Nothing was saved of it; lower `learning_rate` and "
                "go on with resume.json"
            )


def _finite(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _name_cases(batch: Any) -> str:
    names: Iterable[Any] = batch.get("case", ["unknown"])
    return ", ".join(f"'{name}'" for name in dict.fromkeys(names))
