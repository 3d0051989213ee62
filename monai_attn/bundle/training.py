"""Run a training from its first epoch, or from where it stopped."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..data import digest_cases
from ..handlers import TrainingCheckpoints, explained, interruptible

__all__ = ["run_training"]


def run_training(
    trainer: Any,
    checkpoints: TrainingCheckpoints,
    training: Sequence[Mapping[str, Any]],
    validation: Sequence[Mapping[str, Any]],
    resume: bool = False,
) -> None:
    """Run a trainer to its last epoch.

    Args:
        trainer: with the number of epochs, ``trainer.state.max_epochs``.
        checkpoints: what keeps its state, attached here, after all other handlers.
        training: the training cases, see :func:`monai_attn.data.find_cases`.
        validation: those held back.
        resume: whether to go on from the newest checkpoint.

    Raises:
        TrainingInterrupted: after SIGINT or SIGTERM.
        FloatingPointError: when the loss or the weights become NaN or infinite.
        RuntimeError: when memory or a DataLoader worker gives out; ``OSError`` for the disk, each with what to do.
        ValueError: as :meth:`TrainingCheckpoints.resume`.
    """
    checkpoints.attach(trainer, {"training": digest_cases(training), "validation": digest_cases(validation)})
    if resume:
        checkpoints.resume(trainer)
        if trainer.state.epoch >= trainer.state.max_epochs:
            print(
                f"the training is complete: max_epochs={trainer.state.max_epochs}, and the checkpoint is of epoch "
                f"{trainer.state.epoch}; pass a larger --max_epochs to go on"
            )
            checkpoints.complete()
            return
    try:
        with interruptible(trainer, checkpoints.evaluator):
            trainer.run()
    except (RuntimeError, OSError, MemoryError) as error:
        plain = explained(error)
        if plain is None:
            raise
        raise plain from error
