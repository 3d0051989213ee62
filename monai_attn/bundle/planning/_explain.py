"""What a plan says of folds and time, and how its command is typed."""

import json
import shlex
from collections.abc import Sequence
from inspect import Signature
from os import PathLike
from typing import Any

import torch

from ...data import find_patients, known_folds
from ._budget import Cost, Schedule

__all__ = ["about_folds", "about_names", "about_time", "typed"]


def about_folds(
    cases: list[dict[str, Any]],
    dataset_dir: str | PathLike[str],
    fold: int | str,
    sides: tuple[list[dict[str, Any]], list[dict[str, Any]]],
    shared: dict[str, Any],
) -> str:
    """Where the sides come from."""
    patients = find_patients(cases, dataset_dir, shared.get("patient_column"), shared.get("patient_regex"))
    unit = "patient" if patients else "case, because nothing names the patients"
    own = "the data set's own folds" if known_folds(cases, dataset_dir) else f"five seeded folds by {unit}"
    return f"{len(sides[0])} cases train, {len(sides[1])} of fold {fold} validate: {own}."


def about_names(class_names: Sequence[str]) -> str:
    """How to name classes."""
    labels = {"background": 0, **{f"name of {k}": k for k in range(1, len(class_names) + 1)}}
    return (
        f"The classes are called {', '.join(class_names)}, since nothing names them: pass --class_names, or write "
        f'{{"labels": {json.dumps(labels)}}} to dataset.json in the data set.'
    )


def about_time(
    cost: Cost, schedule: Schedule, hours: float, limit: float, device: torch.device, cache_rate: float
) -> list[str]:
    """What the time is spent on, and whether it is enough."""
    least = schedule.seconds / 3600
    reasons = [
        f"A step takes {cost.step_s:.2g} s here ({device.type}), with its random transforms, and {cost.step_gb:.2g} GB "
        f"(allowed {limit:.3g}); validating a case takes {cost.case_s:.2g} s.",
        f"{schedule.steps} steps: {schedule.max_epochs} epochs with each case {schedule.repeats} time(s), validation "
        f"every {schedule.val_interval} epoch(s); about {least:.2g} of {hours:g} h. Reading the cases comes on top.",
    ]
    if least > hours:
        reasons[1] = (
            f"{schedule.max_epochs} epoch(s) with validation take {least:.2g} h, MORE THAN the {hours:g} h "
            "that were given; a coarser spacing, fewer validation cases or more --hours would help."
        )
    if cache_rate < 1:
        reasons.append(
            f"{cache_rate:.0%} of the preprocessed cases are kept in memory; the others are read anew each time, which "
            "takes longer than measured."
        )
    return reasons


def typed(dataset_dir: str, asked: dict[str, Any], signature: Signature) -> str:
    """The command that plans the same, without what has its default."""
    said = {key: value for key, value in asked.items() if value != signature.parameters[key].default}
    flags = [f"--{key}" if value is True else f"--{key} {shlex.quote(str(value))}" for key, value in said.items()]
    return " ".join(["monai-attn plan", shlex.quote(dataset_dir), *flags])
