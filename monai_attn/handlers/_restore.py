"""Go on with an optimizer and a schedule whose settings may have changed."""

import logging
from typing import Any

from torch.optim import Optimizer

__all__ = ["restore_optimizer", "restore_schedule"]

logger = logging.getLogger(__name__)

LENGTHS = ("total_iters", "T_max", "total_steps", "base_lrs", "power", "gamma", "step_size", "milestones", "eta_min")


def restore_optimizer(optimizer: Optimizer, saved: dict[str, Any]) -> None:
    """Put an optimizer's moments and rates back; what else the config sets stays as the config says, and is logged.

    Args:
        optimizer: made from the config.
        saved: its saved state.

    Raises:
        ValueError: when it is of other parameters.
    """
    kept = ("params", "lr", "initial_lr")  # rates are the schedule's
    configured = [{name: v for name, v in group.items() if name not in kept} for group in optimizer.param_groups]
    optimizer.load_state_dict(saved)
    for group, options in zip(optimizer.param_groups, configured, strict=True):
        for name, value in options.items():
            old = group.get(name)
            if old != value:
                logger.warning("optimizer %s=%s, until the checkpoint it was %s", name, value, old)
            group[name] = value


def restore_schedule(lr_scheduler: Any, optimizer: Optimizer, saved: dict[str, Any] | None) -> None:
    """Put a schedule back to its epoch; what the config sets stays as the config says.

    With the config that it was saved with, rates are exactly those saved. Where its length or base rate changed, they
    are what the new schedule has at that epoch.

    Args:
        lr_scheduler: made from the config, ``None`` without one.
        optimizer: whose rates it sets, with its state restored.
        saved: the schedule's saved state.
    """
    if lr_scheduler is None or saved is None:
        return
    fresh = {name: value for name, value in lr_scheduler.state_dict().items() if name in LENGTHS}
    lr_scheduler.load_state_dict(saved)
    if all(saved.get(name) == value for name, value in fresh.items()):
        return
    for name, value in fresh.items():
        setattr(lr_scheduler, name, value)
    if not hasattr(lr_scheduler, "_get_closed_form_lr"):
        return
    rates = lr_scheduler._get_closed_form_lr()
    for group, rate, base in zip(optimizer.param_groups, rates, lr_scheduler.base_lrs, strict=True):
        group["lr"], group["initial_lr"] = rate, base
    lr_scheduler._last_lr = rates
