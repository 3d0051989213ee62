"""Ctrl-C and SIGTERM: they end a training run between two iterations, and any other run at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from ignite.engine import Engine, Events

from ..errors import TrainingInterrupted

__all__ = ["Terminated", "end_on_sigterm", "interruptible"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible(*engines: Engine) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the iteration under way instead of tearing it; a second one ends at once.

    Args:
        engines: those that run meanwhile, trainer and evaluator.

    Raises:
        TrainingInterrupted: after that iteration, from the engine that was running.
    """
    caught: list[int] = []
    before: dict[int, Any] = {}

    def note(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        _restore(before)

    def ended() -> TrainingInterrupted:
        name = signal.Signals(caught[0]).name
        return TrainingInterrupted(f"{name} ended the training: go on with resume.json", caught[0])

    def stop(_engine: Engine) -> None:
        if caught:
            raise ended()

    if threading.current_thread() is threading.main_thread():  # Python allows it nowhere else
        before.update({number: signal.signal(number, note) for number in SIGNALS})
    removable = [engine.add_event_handler(Events.ITERATION_COMPLETED, stop) for engine in engines]
    try:
        yield
    except Exception as error:
        if caught and not isinstance(error, TrainingInterrupted):  # such as workers that the same signal ended
            raise ended() from error
        raise
    finally:
        _restore(before)
        for handle in removable:
            handle.remove()


def _restore(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)
    before.clear()


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends what runs as Ctrl-C does."""


def end_on_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does, until a training run begins, which has a checkpoint to finish."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated(number)
