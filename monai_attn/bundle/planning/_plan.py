"""A complete bundle for a data set: measured, chosen, written."""

import math
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from os import PathLike
from os.path import relpath
from pathlib import Path
from typing import Any

import torch

from ..._memory import half_of_memory_gb
from ..._paths import check_output_dir, path_argument
from ...data import (
    DataReport,
    Fingerprint,
    check,
    find_cases,
    find_channel_names,
    measure,
    split_cases,
)
from .._devices import check_device
from .._render import render_spec
from ._budget import Cost, Schedule, fit_schedule, free_memory_gb, measure_cost
from ._card import write_card
from ._design import design
from ._explain import about_folds, about_names, about_time, typed
from ._geometry import PlannedGeometry
from ._metadata import describe_bundle
from ._transfer import copy_weights, freeze_encoder, like_spec

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
    geometry: PlannedGeometry | None
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
    class_names: Sequence[str] | None = None,
    left_right_pairs: Sequence[Sequence[int | str]] | None = None,
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
        class_names: of the labels 1, 2, ...; by default what the data set's ``dataset.json`` says.
        left_right_pairs: classes that are the left and the right of one organ, by value or by name, which change places
            under flips; empty if none has a side. By default by their names.
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
    asked = {
        key: value for key, value in locals().items() if value is not None and key not in ("dataset_dir", "progress")
    }
    root = check_output_dir(path_argument("output_dir", output_dir) / _check_name(name))
    if root.exists():
        raise FileExistsError(f"'{root}' exists already: remove it, or pass another --name")
    if not 0 < hours < 10_000:
        raise ValueError(f"hours={hours!r} must be a number above 0: pass the time that the training may take")
    if like is None and weights not in ("auto", "none"):
        raise ValueError(f"weights='{weights}' need a network: pass --like <the bundle that they are for>")
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
    fingerprint = measure(report, modality, class_names, left_right_pairs)
    cases = find_cases(dataset_dir, labelled=True, in_channels=fingerprint.in_channels)
    sides = split_cases(cases, dataset_dir, fold, patient_column=patient_column, patient_regex=patient_regex)
    few = _typical(report, sides[0])
    checkpoint = geometry = None
    if like is None:
        geometry, spec, cost, reasons = design(fingerprint, few, where, hours, limit, (len(sides[0]), len(sides[1])))
    else:
        spec, reasons, checkpoint = like_spec(like, weights, fingerprint)
        cost = measure_cost(spec, few, where)
    if cost.step_gb > limit:
        raise ValueError(f"memory_gb={limit:.3g} is not enough for a training step, {cost.step_gb:.2g} GB: pass more")
    batch = min(spec["train"]["batch_size"], len(sides[0]))
    schedule = fit_schedule(cost, hours, len(sides[0]), len(sides[1]), batch)
    data = Path(report.dataset_dir).resolve()
    choices: dict[str, Any] = {
        "fold": fold,
        "seed": seed,
        "batch_size": batch,
        "max_epochs": schedule.max_epochs,
        "val_interval": schedule.val_interval,
        "repeats": schedule.repeats,
        "cache_rate": _cache_rate(cost, len(cases), where, limit),
    }
    patients = {"patient_column": patient_column, "patient_regex": patient_regex}
    shared: dict[str, Any] = {key: value for key, value in patients.items() if value is not None}
    if trust_image_header:
        shared["trust_image_header"] = True
    spec["train"] |= choices | shared
    spec.setdefault("evaluate", {}).update(shared)  # so that it deals the same folds
    spec["common"]["dataset_dir"] = _from(root, data)
    if channels := find_channel_names(dataset_dir):
        spec["common"]["channel_names"] = channels
    spec["metadata"] = describe_bundle(name, fingerprint, spec, data.name)
    if not fingerprint.named:
        reasons.append(about_names(fingerprint.class_names))
    reasons.append(about_folds(cases, dataset_dir, fold, sides, shared))
    reasons += about_time(cost, schedule, hours, limit, where, choices["cache_rate"])
    freeze_encoder(spec["train"], reasons)
    command = typed(str(dataset_dir), asked, signature(plan))
    with _written_whole(root) as folder:
        render_spec(spec, folder)
        if checkpoint is not None:
            copy_weights(checkpoint, folder)
        write_card(folder, name, fingerprint, report, reasons, fold, command)
    return Plan(root, fingerprint, geometry, cost, schedule, spec, tuple(reasons))


@contextmanager
def _written_whole(root: Path) -> Iterator[Path]:
    """A folder beside ``root`` that gets its name when all is written, and is removed when something fails."""
    root.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    try:
        yield folder
        folder.chmod(0o755)  # mkdtemp's are for the owner alone
        folder.rename(root)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _cache_rate(cost: Cost, cases: int, device: torch.device, limit: float) -> float:
    """Share of the cases that the memory beside a training step holds."""
    left = half_of_memory_gb() if device.type == "cuda" else limit - cost.step_gb
    return min(1.0, round(0.8 * left / max(cost.case_gb * cases, 1e-9), 2))


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
        path = relpath(data, root.resolve())
    except ValueError:  # another drive
        return str(data)
    # In a config, @ and % would refer to other entries.
    parts = [f"chr({ord(part)})" if part in "@%" else repr(part) for part in re.split("([@%])", path) if part]
    return f"$monai_attn.bundle.path_in(@bundle_root, {' + '.join(parts)})"
