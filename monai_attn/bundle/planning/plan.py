"""A complete bundle for a data set: measured, chosen, written."""

import math
import re
from dataclasses import dataclass
from os import PathLike
from os.path import relpath
from pathlib import Path
from typing import Any

import torch

from ...data import (
    DataReport,
    Fingerprint,
    check,
    find_cases,
    find_channel_names,
    find_patients,
    known_folds,
    measure,
    split_cases,
)
from ...paths import path_argument
from ..preflight import check_device
from ..render import render_spec
from .budget import Cost, Schedule, fit_schedule, free_memory_gb, measure_cost
from .card import write_card
from .design import design
from .geometry import Geometry
from .metadata import describe_bundle
from .transfer import copy_weights, like_spec

__all__ = ["Plan", "plan"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Plan:
    """A bundle that was written.

    Attributes:
        bundle_root: its folder.
        fingerprint: what was measured of the data.
        geometry: spacing, patch and strides; ``None`` where another bundle dictates them.
        cost: of a training step here.
        schedule: epochs, and the time they should take.
        spec: content of its ``bundle.json``.
        reasons: what was chosen and why, as in its ``docs/README.md``.
    """

    bundle_root: Path
    fingerprint: Fingerprint
    geometry: Geometry | None
    cost: Cost
    schedule: Schedule
    spec: dict[str, Any]
    reasons: tuple[str, ...]


def plan(
    dataset_dir: str | PathLike[str],
    name: str,
    output_dir: str | PathLike[str] = ".",
    like: str | None = None,
    weights: str | PathLike[str] = "auto",
    hours: float = 1.0,
    memory_gb: float | None = None,
    device: str | None = None,
    modality: str | None = None,
    fold: int | str = 0,
    patient_column: str | None = None,
    patient_regex: str | None = None,
    trust_image_header: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> Plan:
    """Check and measure a data set and write a bundle for it.

    Args:
        dataset_dir: as for :func:`monai_attn.data.find_cases`, with labels.
        name: of the bundle, which becomes ``<output_dir>/<name>``.
        output_dir: folder for the bundle's.
        like: a shipped bundle, or the folder of one, whose network and processing are kept; only its head is replaced
            where the classes are others.
        weights: to start from. "auto" takes those of ``like``, if any; "none" starts from scratch; else a checkpoint.
        hours: time for the training on this machine.
        memory_gb: memory for the training in 10**9 bytes; by default half of the machine's, or most of the GPU's.
        device: where the training will run; a GPU if there is one.
        modality: "CT" or "MR"; by default what the data say.
        fold: held back for validation.
        patient_column: see :func:`monai_attn.data.find_patients`.
        patient_regex: see there.
        trust_image_header: let labels take the place that their images' headers give.
        seed: of the training.
        progress: whether to show progress.

    Raises:
        FileExistsError: when the bundle's folder exists.
        ValueError: when the data have errors, or an argument cannot be used.
    """
    root = path_argument("output_dir", output_dir) / _check_name(name)
    if root.exists():
        raise FileExistsError(f"'{root}' exists already: remove it, or pass another --name")
    if not 0 < hours < 10_000:
        raise ValueError(f"hours={hours!r} must be a number above 0: pass the time that the training may take")
    name_of_device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    check_device(name_of_device)
    where = torch.device(name_of_device)
    limit = free_memory_gb(where) if memory_gb is None else memory_gb
    report = check(
        dataset_dir,
        patient_column=patient_column,
        patient_regex=patient_regex,
        trust_image_header=trust_image_header,
        progress=progress,
    )
    fingerprint = measure(report, modality)
    channels = find_channel_names(dataset_dir)
    cases = find_cases(dataset_dir, labelled=True, in_channels=fingerprint.in_channels)
    sides = split_cases(cases, dataset_dir, fold, patient_column=patient_column, patient_regex=patient_regex)
    few = _typical(report, sides[0])
    checkpoint = None
    if like is None:
        if weights not in ("auto", "none"):
            raise ValueError(f"weights='{weights}' need a network: pass --like <the bundle that they are for>")
        geometry, spec, cost, reasons = design(fingerprint, few, where, hours, limit, (len(sides[0]), len(sides[1])))
    else:
        geometry = None
        spec, reasons, checkpoint = like_spec(like, weights, fingerprint)
        cost = measure_cost(spec, few, where)
    if cost.step_gb > limit:
        raise ValueError(f"memory_gb={limit:.3g} is not enough for a training step, {cost.step_gb:.2g} GB: pass more")
    batch = min(spec["train"]["batch_size"], len(sides[0]))
    spec["train"]["batch_size"] = batch
    schedule = fit_schedule(cost, hours, len(sides[0]), len(sides[1]), batch)
    cached = min(1.0, round(0.5 * limit / max(cost.case_gb * len(cases), 1e-9), 2))
    reasons += [
        _about_folds(cases, dataset_dir, fold, sides, patient_column, patient_regex),
        _about_time(cost, schedule, hours, limit, where),
        *([f"{cached:.0%} of the preprocessed cases are kept in memory."] if cached < 1 else []),
    ]
    train = {
        "fold": fold,
        "seed": seed,
        "max_epochs": schedule.max_epochs,
        "val_interval": schedule.val_interval,
        "repeats": schedule.repeats,
        "cache_rate": cached,
        "patient_column": patient_column,
        "patient_regex": patient_regex,
    }
    spec["train"] |= {key: value for key, value in train.items() if value is not None}
    spec["common"]["dataset_dir"] = _from(root, Path(report.dataset_dir))
    if channels := find_channel_names(dataset_dir):
        spec["common"]["channel_names"] = channels
    if trust_image_header:
        spec["train"]["trust_image_header"] = spec["evaluate"]["trust_image_header"] = True
    spec["metadata"] = describe_bundle(name, fingerprint, spec, Path(report.dataset_dir).name)
    render_spec(spec, root)
    if checkpoint is not None:
        copy_weights(checkpoint, root)
    command = f"monai-attn plan {Path(report.dataset_dir).name} --name {name} --hours {hours:g}"
    command += f" --like {Path(like).name} --weights {Path(weights).name}" if like else ""
    write_card(root, fingerprint, report, reasons, command)
    return Plan(root, fingerprint, geometry, cost, schedule, spec, tuple(reasons))


def _check_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"name='{name}' cannot name a bundle: use letters, digits, _ - and .")
    return name


def _typical(report: DataReport, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Two training cases of middling size, with something to segment in at least one."""
    names = {case["case"]: case for case in cases}
    facts = [f for f in report.cases if f.case in names]
    facts.sort(key=lambda f: (not f.foreground, math.prod(f.shape), f.case))
    middle = sum(bool(f.foreground) for f in facts) // 2
    return [names[f.case] for f in facts[middle : middle + 2]]


def _from(root: Path, data: Path) -> str:
    """The data set as seen from the bundle, so that both can move together."""
    try:
        return f"$@root + {'/' + relpath(data.resolve(), root.resolve())!r}"
    except ValueError:  # another drive
        return str(data.resolve())


def _about_folds(
    cases: list[dict[str, Any]],
    dataset_dir: str | PathLike[str],
    fold: int | str,
    sides: tuple[list[dict[str, Any]], list[dict[str, Any]]],
    column: str | None,
    regex: str | None,
) -> str:
    unit = "patient" if find_patients(cases, dataset_dir, column, regex) else "case, because nothing names the patients"
    own = "the data set's own folds" if known_folds(cases, dataset_dir) else f"five seeded folds by {unit}"
    return f"{len(sides[0])} cases train, {len(sides[1])} of fold {fold} validate: {own}."


def _about_time(cost: Cost, schedule: Schedule, hours: float, limit: float, device: torch.device) -> str:
    return (
        f"A step takes {cost.step_s:.2g} s here ({device.type}), with its random transforms, and holds "
        f"{cost.step_gb:.2g} GB (allowed {limit:.3g}); validating a case takes {cost.case_s:.2g} s. So {hours:g} h are "
        f"enough for {schedule.steps} steps: {schedule.max_epochs} epochs with each case {schedule.repeats} time(s), "
        f"validation every {schedule.val_interval} epoch(s); about {schedule.seconds / 3600:.2g} h in all."
    )
