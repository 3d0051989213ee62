"""Check a whole data set: every file once, then what only shows across cases."""

import logging
import shlex
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from ..._paths import path_argument
from .._cases import find_cases
from .._datalist import describe_data
from .._patients import find_patients
from .._split import all_folds
from ._across_cases import channel_findings, geometry_findings, label_findings, memory_findings, scale_findings
from ._cases import check_names, network_problem, why_empty
from ._folds import empty_side_findings, patient_findings, twin_findings, unscored_findings, untaught_findings
from ._inspection import inspect_cases, unread
from ._report import CaseFacts, DataReport, Finding

__all__ = ["check", "check_training_cases", "survey"]

SHOWN = 5  # warnings before a training
UNCHECKED = "whether a patient is on both sides was not checked: no cases.csv, field 'patient' or --patient_regex"

logger = logging.getLogger(__name__)


def check(
    dataset_dir: str | PathLike[str],
    in_channels: int | None = None,
    num_classes: int | None = None,
    patient_column: str | None = None,
    patient_regex: str | None = None,
    trust_image_header: bool = False,
    memory_gb: float | None = None,
    progress: bool = True,
    channel_names: Sequence[str] | None = None,
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
        channel_names: see :func:`find_cases`.

    Returns:
        facts and findings; nothing is raised for what is wrong with the data.
    """
    root = path_argument("dataset_dir", dataset_dir)
    try:
        cases = find_cases(root, True, in_channels or 1, channel_names)
        if not cases:
            raise FileNotFoundError(why_empty(root, labelled=True, folder="a folder"))
        known = describe_data(root).labels
    except (ValueError, OSError) as error:
        return DataReport(str(root), [], [Finding("error", "", str(error))])
    misnamed = [Finding("error", name, str(fault)) for name, fault in check_names(cases, labelled=True)]
    names = {finding.case for finding in misnamed}
    whole = [case for case in cases if case["case"] not in names]
    inspected = list(inspect_cases(whole, trust_image_header=trust_image_header, progress=progress))
    patients, notes, findings = None, [], misnamed
    try:
        patients = find_patients(cases, root, patient_column, patient_regex)
        folds = all_folds(cases, root, patients)
        notes = [] if patients else [UNCHECKED]
        findings = [*misnamed, *empty_side_findings([case["case"] for case in cases], folds)]
    except ValueError as error:
        findings, folds = [*misnamed, Finding("error", "", str(error))], {}
    classes = num_classes or (max(known) + 1 if known else None)
    found = survey(inspected, folds, patients, in_channels, classes, memory_gb)
    facts = sorted([f for f, _ in inspected] + [unread(c) for c in cases if c["case"] in names], key=lambda f: f.case)
    return DataReport(str(root), facts, _sorted([*findings, *found]), notes)


def survey(
    inspected: Sequence[tuple[CaseFacts, list[Finding]]],
    folds: Mapping[str, Sequence[str]],
    patients: Mapping[str, str] | None = None,
    in_channels: int | None = None,
    num_classes: int | None = None,
    memory_gb: float | None = None,
    spacing_mm: Sequence[float] | None = None,
) -> list[Finding]:
    """What is wrong with single cases, and what shows across those that are right by themselves.

    Args:
        inspected: facts and findings of each case, as :func:`inspect_cases` gives them.
        folds: names of the validation cases, by fold.
        patients: patient by case, if known.
        in_channels: image channels that each case must have; by default what most have.
        num_classes: classes with background, if known.
        memory_gb: what a resampled case may take; by default half of this machine's memory.
        spacing_mm: to which cases are resampled; by default their median.
    """
    facts = [f for f, found in inspected if not found]
    findings = [finding for _, found in inspected for finding in found]
    findings += channel_findings(facts, in_channels)
    findings += label_findings(facts, num_classes)
    findings += geometry_findings(facts)
    findings += scale_findings(facts)
    findings += memory_findings(facts, num_classes, memory_gb, spacing_mm)
    findings += twin_findings([f for f, _ in inspected], folds)
    if patients:
        findings += patient_findings([f.case for f, _ in inspected], folds, patients)
    return _sorted(findings)


def check_training_cases(
    cases: list[dict[str, Any]],
    dataset_dir: str | PathLike[str],
    in_channels: int,
    spatial_dims: int,
    num_classes: int,
    validation: Mapping[str, Sequence[str]],
    patient_column: str | None = None,
    patient_regex: str | None = None,
    trust_image_header: bool = False,
    spacing_mm: Sequence[float] | None = None,
) -> None:
    """Check what a training is about to use, each file and across cases; log the warnings.

    Args:
        cases: all of both sides, as :func:`find_cases` returns them.
        dataset_dir: the folder they come from.
        in_channels: channels that the network takes.
        spatial_dims: 2 or 3.
        num_classes: classes with background.
        validation: names of the validation cases, under the name of the fold.
        patient_column: see :func:`find_patients`.
        patient_regex: see there.
        trust_image_header: let a label of its image's shape pass whatever its affine says.
        spacing_mm: to which the network's cases are resampled, if they are.

    Raises:
        FileNotFoundError: when the folder does not exist or holds no case, or a file is missing.
        ValueError: on the first error, with the number of the others.
    """
    if not cases:
        raise FileNotFoundError(why_empty(dataset_dir, labelled=True))
    for _, fault in check_names(cases, labelled=True):
        raise fault
    inspected = []
    for facts, found in inspect_cases(cases, True, trust_image_header):
        problem = None if found else network_problem(facts, in_channels, spatial_dims)
        inspected.append((facts, [Finding("error", facts.case, problem)] if problem else found))
    patients = find_patients(cases, dataset_dir, patient_column, patient_regex)
    findings = survey(inspected, validation, patients, in_channels, num_classes, spacing_mm=spacing_mm)
    findings += unscored_findings([facts for facts, _ in inspected], validation)
    findings += untaught_findings([facts for facts, found in inspected if not found], validation, num_classes)
    command = f"monai-attn check {shlex.quote(str(path_argument('dataset_dir', dataset_dir)))}"
    command += f" --in_channels {in_channels} --num_classes {num_classes}"
    errors = [finding for finding in findings if finding.level == "error"]
    warnings = [finding for finding in findings if finding.level == "warning"]
    if errors:
        more = f" (and {len(errors) - 1} more: {command} lists them)" if errors[1:] else ""
        raise ValueError(f"{errors[0].text}{more}")
    for warning in warnings[:SHOWN]:
        logger.warning("%s", warning.text)
    if warnings[SHOWN:]:
        logger.warning("and %d warning(s) more: %s lists them", len(warnings) - SHOWN, command)
    if patients is None:
        logger.warning(UNCHECKED)


def _sorted(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.case, finding.level))
