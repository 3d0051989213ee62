"""Train a new decoder on an encoder that is already good."""

from typing import Any

from ignite.engine import Engine, Events
from torch import nn
from torch.optim import Optimizer

__all__ = ["FreezeEncoder"]


class FreezeEncoder:
    """Leave the encoder as it is for the first epochs of a training.

    A new head gives noise as gradients at first, which would undo what a pretrained encoder has learnt. The gradients
    are computed and dropped before the optimizer sees them, since ``DistributedDataParallel`` waits for each of them.

    Args:
        network: the network, bare or wrapped for several processes, with its encoder under ``encoder``.
        optimizer: the one that trains it.
        epochs: how many epochs to leave it alone.

    Raises:
        ValueError: when the network has no ``encoder``, or ``epochs`` is not a whole number.
    """

    def __init__(self, network: nn.Module, optimizer: Optimizer, epochs: int) -> None:
        encoder: Any = getattr(getattr(network, "module", network), "encoder", None)
        if not isinstance(encoder, nn.Module):
            raise ValueError(f"network={type(network).__name__} has no 'encoder': leave `freeze_encoder_epochs` at 0")
        if type(epochs) is not int or epochs < 0:
            raise ValueError(f"freeze_encoder_epochs={epochs!r} must be a whole number of at least 0")
        self.encoder, self.optimizer, self.epochs = encoder, optimizer, epochs
        self.frozen = False

    def attach(self, engine: Engine) -> None:
        """Hang on a trainer."""
        self.optimizer.register_step_pre_hook(self._drop_gradients)
        engine.add_event_handler(Events.EPOCH_STARTED, self._switch)

    def _switch(self, engine: Engine) -> None:
        self.frozen = engine.state.epoch <= self.epochs

    def _drop_gradients(self, *_: Any) -> None:
        if self.frozen:
            for parameter in self.encoder.parameters():
                parameter.grad = None
