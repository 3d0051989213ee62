"""Check a whole data set: every file once, then what only shows across cases."""

import os
from collections import Counter
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..paths import path_argument
from .cases import find_cases
from .check import check_names, why_empty
from .datalist import describe_data
from .inspection import inspect_cases
from .patients import find_patients
from .report import CaseFacts, DataReport, Finding
from .split import known_folds

__all__ = ["check"]

SPACING_OUTLIER = 2.0  # times the median
SCALE_OUTLIER = 10.0  # times the median
RARE = 0.5  # of the cases


def check(
    dataset_dir: str | PathLike[str],
    in_channels: int | None = None,
    num_classes: int | None = None,
    patient_column: str | None = None,
    patient_regex: str | None = None,
    trust_image_header: bool = False,
    memory_gb: float | None = None,
    progress: bool = True,
) -> DataReport:
    """Check a labelled data set before anyone trains on it.

    Args:
        dataset_dir: as for :func:`find_cases`.
        in_channels: image channels that each case must have; by default what most have.
        num_classes: classes with background; by default what the data set's list of labels or the labels say.
        patient_column: see :func:`find_patients`.
        patient_regex: see there.
        trust_image_header: let a label of its image's shape pass whatever its affine says.
        memory_gb: what a case may take in memory after resampling to the median spacing; by default half of this
            machine's.
        progress: whether to show a progress bar.

    Returns:
        facts and findings; nothing is raised for what is wrong with the data.
    """
    root = path_argument("dataset_dir", dataset_dir)
    try:
        cases = find_cases(root, labelled=True, in_channels=in_channels or 1)
    except ValueError as error:
        return DataReport(str(root), [], [Finding("error", "", str(error))])
    if not cases:
        return DataReport(str(root), [], [Finding("error", "", why_empty(root, labelled=True))])
    findings = [Finding("error", name, str(fault)) for name, fault in check_names(cases, labelled=True)]
    named = {finding.case for finding in findings}
    whole = [case for case in cases if case["case"] not in named]
    results = list(inspect_cases(whole, trust_image_header=trust_image_header, progress=progress))
    facts = [result[0] for result in results]
    for _, found in results:
        findings += found
    report = DataReport(str(root), facts, findings)
    good = [f for f in facts if f.case not in {finding.case for finding in findings}]
    findings += _channel_findings(good, in_channels)
    findings += _label_findings(good, num_classes, len(describe_data(root).labels) or None)
    findings += _geometry_findings(good)
    findings += _scale_findings(good)
    findings += _memory_findings(good, memory_gb)
    _side_findings(report, whole, root, patient_column, patient_regex)
    findings.sort(key=lambda finding: (finding.case, finding.level))
    return report


def _channel_findings(facts: list[CaseFacts], in_channels: int | None) -> Iterator[Finding]:
    if not facts:
        return
    wanted = in_channels or Counter(f.channels for f in facts).most_common(1)[0][0]
    rank = Counter(len(f.shape) for f in facts).most_common(1)[0][0]
    for f in facts:
        if f.channels != wanted:
            text = f"image '{f.image[0]}' has {f.channels} channel(s), not {wanted} as wanted or as in most cases"
            yield Finding("error", f.case, f"{text}: add those that are missing, or take the case out")
        if len(f.shape) != rank:
            text = f"image '{f.image[0]}' of shape {f.shape} has {len(f.shape)} axes, most others {rank}"
            yield Finding("error", f.case, f"{text}: convert it, or take the case out")


def _label_findings(facts: list[CaseFacts], num_classes: int | None, named: int | None) -> Iterator[Finding]:
    if not facts:
        return
    seen = sorted({value for f in facts for value in f.label_voxels})
    known = num_classes or named
    if known is None and seen != list(range(len(seen))):
        remap = ", ".join(f"{value} -> {k}" for k, value in enumerate(seen) if value != k)
        yield Finding("error", "", f"the labels' values are {seen}, with gaps: write 0, 1, ... ({remap})")
    for f in facts:
        outside = [] if known is None else [value for value in sorted(f.label_voxels) if value >= known]
        if outside:
            free = [k for k in range(known or 0) if k not in seen]
            remap = ", ".join(f"{value} -> {k}" for value, k in zip(outside, free, strict=False))
            text = f"label '{f.label}' has the values {outside}, but the classes are 0 to {(known or 0) - 1}"
            yield Finding("error", f.case, f"{text}: remap them{f' ({remap})' if remap else ''}, or name more classes")
    empty = [f for f in facts if not set(f.label_voxels) - {0}]
    if len(empty) == len(facts):
        yield Finding("error", "", "all labels are empty: see that they are the right files, and write 1, 2, ...")
        return
    for f in empty:
        yield Finding("warning", f.case, f"label '{f.label}' is empty: see that this is so")
    for value in seen:
        count = sum(value in f.label_voxels for f in facts)
        if value and count < RARE * len(facts):
            yield Finding("warning", "", f"class {value} is in {count} of {len(facts)} cases: add some, or merge it")


def _geometry_findings(facts: list[CaseFacts]) -> Iterator[Finding]:
    rank = Counter(len(f.shape) for f in facts).most_common(1)[0][0] if facts else 0
    facts = [f for f in facts if len(f.spacing_mm) == rank]
    if not facts:
        return
    median = np.median([f.spacing_mm for f in facts], axis=0)
    for f in facts:
        ratio = np.maximum(np.array(f.spacing_mm) / median, median / np.array(f.spacing_mm)).max()
        if ratio > SPACING_OUTLIER:
            sizes = (" x ".join(f"{size:.3g}" for size in spacing) for spacing in (f.spacing_mm, median))
            text = "spacing {} mm is far from the median {} mm: see that the header is right".format(*sizes)
            yield Finding("warning", f.case, f"image '{f.image[0]}': {text}")
    counts = Counter(f.orientation for f in facts)
    if len(counts) > 1:
        shown = ", ".join(f"{count} {axes}" for axes, count in counts.most_common())
        text = f"orientations are mixed ({shown}): bundles turn all to RAS; see that left and right are right"
        yield Finding("warning", "", text)


def _scale_findings(facts: list[CaseFacts]) -> Iterator[Finding]:
    spans = {f.case: f.percentiles[0][2] - f.percentiles[0][0] for f in facts if f.percentiles}
    positive = [span for span in spans.values() if span > 0]
    if not positive:
        return
    median = float(np.median(positive))
    for f in facts:
        span = spans.get(f.case, median)
        if span <= 0:
            yield Finding("warning", f.case, f"image '{f.image[0]}' is almost constant: see that it is the right file")
        elif max(span / median, median / span) > SCALE_OUTLIER:
            text = f"intensities span {span:.3g}, in the median case {median:.3g}: see that the unit is the same"
            yield Finding("warning", f.case, f"image '{f.image[0]}': {text}")


def _memory_findings(facts: list[CaseFacts], memory_gb: float | None) -> Iterator[Finding]:
    if not facts:
        return
    limit = _half_of_memory_gb() if memory_gb is None else memory_gb
    rank = Counter(len(f.shape) for f in facts).most_common(1)[0][0]
    same = [f for f in facts if len(f.shape) == rank]
    median = np.median([f.spacing_mm for f in same], axis=0)
    classes = max((max(f.label_voxels, default=0) for f in same), default=0) + 1
    for f in same:
        voxels = float(np.prod(np.array(f.shape) * np.array(f.spacing_mm) / median))
        needed = voxels * 4 * (f.channels + 2 * classes) / 1e9  # the image, its logits, and their softmax
        if needed > limit:
            text = (
                f"image '{f.image[0]}' resampled to {' x '.join(f'{s:.3g}' for s in median)} mm takes {needed:.1f} GB"
            )
            yield Finding("error", f.case, f"{text} of {limit:.1f}: crop it, or choose a coarser spacing")


def _half_of_memory_gb() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2e9
    except (ValueError, OSError, AttributeError):  # not on this system
        return 8.0


def _side_findings(
    report: DataReport, cases: list[dict[str, Any]], root: Path, column: str | None, regex: str | None
) -> None:
    """Twins, patients, and on which side of each fold they are."""
    try:
        folds = known_folds(cases, root) or {}
        patients = find_patients(cases, root, column, regex)
    except ValueError as error:
        report.findings.append(Finding("error", "", str(error)))
        return
    if patients is None:
        report.notes.append("patients are not named (cases.csv, datalist, --patient-regex): sides were not checked")
    by_content: dict[str, str] = {}
    for f in report.cases:
        for digest in f.digests[: len(f.image)]:
            twin = by_content.setdefault(digest, f.case)
            if twin != f.case:
                apart = [fold for fold, held in folds.items() if (twin in held) != (f.case in held)]
                where = f"on both sides of fold {apart[0]}" if apart else "twice in the data set"
                text = f"has the same image as case '{twin}', {where}: take one of them out"
                report.findings.append(Finding("error", f.case, text))
    for fold, held in folds.items():
        inside = {patients[c["case"]] for c in cases if c["case"] in held} if patients else set()
        outside = {patients[c["case"]] for c in cases if c["case"] not in held} if patients else set()
        for patient in sorted(inside & outside):
            text = f"patient '{patient}' is in training and in validation of fold {fold}: keep a patient together"
            report.findings.append(Finding("error", "", text))
