"""Run a training from its first epoch, or from where it stopped."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TextIO

from .._atomic_files import make_folder
from ..data import digest_cases
from ..handlers import TrainingCheckpoints, explained, interruptible
from ._command_line import given_config

if sys.platform != "win32":
    import fcntl

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
        ValueError: when another training writes to the folder, and as :meth:`TrainingCheckpoints.resume`.
    """
    data = {"training": digest_cases(training), "validation": digest_cases(validation)}
    checkpoints.attach(trainer, data, given_config())
    if checkpoints.writes and not resume:
        make_folder(checkpoints.folder, "pass an --output_dir that can be written")
    with _alone_in(checkpoints.folder) if checkpoints.writes else nullcontext():
        _run(trainer, checkpoints, resume)


def _run(trainer: Any, checkpoints: TrainingCheckpoints, resume: bool) -> None:
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


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a folder."""
    lock = _lock(folder)
    try:
        yield
    finally:
        if lock is not None:
            with suppress(OSError):
                Path(lock.name).unlink()
            lock.close()


def _lock(folder: Path) -> TextIO | None:
    """A lock that goes with this process, whatever ends it; ``None`` where there are no locks to be had."""
    if sys.platform == "win32":
        return None
    try:
        file = (folder / ".training.lock").open("a+")
    except OSError:  # what is written there later says why
        return None
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock, worker processes do not inherit it
    except (BlockingIOError, PermissionError) as error:
        file.seek(0)
        process = file.read().strip()
        file.close()
        raise ValueError(
            f"output_dir='{folder}' has a training that still runs (process {process}): wait until it has ended, or "
            "pass another --output_dir"
        ) from error
    except OSError:  # a file system without them
        file.close()
        return None
    if not _is_at(file, folder / ".training.lock"):  # a training that just ended has removed it
        file.close()
        return _lock(folder)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _is_at(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
