"""Put an optimizer and its schedule back to an epoch, or to their start, under settings that may have changed."""

import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from torch.optim import Optimizer

__all__ = ["OptimizerProgress"]

logger = logging.getLogger(__name__)


class OptimizerProgress:
    """Knows an optimizer and its schedule as the config made them, and brings them from there to any epoch.

    Args:
        optimizer: before its first step.
        lr_scheduler: of the optimizer, before its first step, with ``state_dict``; ``None`` without one.
    """

    def __init__(self, optimizer: Optimizer, lr_scheduler: Any) -> None:
        self.optimizer, self.lr_scheduler = optimizer, lr_scheduler
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", deepcopy(group["lr"]))  # as most schedules do
        self._options = [
            {name: deepcopy(value) for name, value in group.items() if name != "params"}
            for group in optimizer.param_groups
        ]
        self._schedule = None if lr_scheduler is None else deepcopy(lr_scheduler.state_dict())

    def restart(self) -> None:
        """Begin the schedule anew, at the config's learning rates; the optimizer keeps its moments."""
        for group, options in zip(self.optimizer.param_groups, self._options, strict=True):
            group.update(deepcopy(options))
        if self.lr_scheduler is not None:
            self.lr_scheduler.load_state_dict(deepcopy(self._schedule))

    def restore(self, state: Mapping[str, Any], iteration: int) -> None:
        """Put the optimizer's moments back, and its schedule to where it was; all that the config sets stays as it is.

        A schedule steps from its start to the checkpoint's epoch, so that its rates are bit for bit those of a
        training that never stopped, or, where the config has changed, those of the new schedule at that epoch. One
        that follows a score, as ``ReduceLROnPlateau`` does, has its history put back instead, and the rates that came
        of it, in proportion to the config's. What differs from the checkpoint is named in the log.

        Args:
            state: the checkpoint, with ``optimizer``, ``lr_scheduler``, ``epoch`` and ``iteration``.
            iteration: which the trainer goes on from; another than the checkpoint's where epochs have another length.

        Raises:
            ValueError: when it is of other parameters.
        """
        self.optimizer.load_state_dict(state["optimizer"])
        saved = [{name: group[name] for name in group if name != "params"} for group in self.optimizer.param_groups]
        self.restart()
        if self.lr_scheduler is not None:
            self._advance(state, iteration, saved)
        for group, old in zip(self.optimizer.param_groups, saved, strict=True):
            for name, value in group.items():
                if name != "params" and name in old and old[name] != value:
                    logger.warning(
                        "optimizer %s=%s, until the checkpoint it was %s", name, *map(_shorten, (value, old[name]))
                    )

    def _advance(self, state: Mapping[str, Any], iteration: int, saved: list[dict[str, Any]]) -> None:
        schedule, history = self.lr_scheduler, state["lr_scheduler"] or {}
        steps = max(_find_steps(history), default=None if history else state["epoch"])
        if steps is None or not _steps_alone(schedule):
            arguments = inspect.signature(type(schedule)).parameters
            fresh = schedule.state_dict()
            settings = {name for name in fresh if name in arguments or name.removesuffix("s") in arguments}  # min_lrs
            past = {name: history[name] for name in fresh if name in history and name not in settings}
            schedule.load_state_dict({**fresh, **past})
            for group, old in zip(self.optimizer.param_groups, saved, strict=True):
                group["lr"] = old["lr"] * (group["initial_lr"] / old.get("initial_lr", group["initial_lr"]))
            return
        if steps == state["iteration"] != state["epoch"]:  # one step for each iteration
            steps = iteration
        with warnings.catch_warnings():
            # Both are about an optimizer's first step, which belongs to the run before.
            warnings.filterwarnings("ignore", "Detected call of|Seems like `optimizer.step", UserWarning)
            try:
                for _ in range(steps):
                    schedule.step()
            except ValueError as error:  # OneCycleLR knows its last step
                logger.warning("lr_scheduler cannot be brought to step %d: %s", steps, error)


def _steps_alone(schedule: Any) -> bool:
    """Whether ``step()`` needs no argument, such as a score."""
    step = getattr(schedule, "step", None)
    return step is not None and all(one.default is not one.empty for one in inspect.signature(step).parameters.values())


def _shorten(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _find_steps(state: Any) -> Iterator[int]:
    """How far each of a schedule's parts has come."""
    for item in state.items() if isinstance(state, Mapping) else enumerate(state):
        if item[0] == "last_epoch":
            yield item[1]
        elif isinstance(item[1], Mapping | list):
            yield from _find_steps(item[1])
