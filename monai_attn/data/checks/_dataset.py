"""Check a whole data set: every file once, then what only shows across cases."""

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

from ..._paths import path_argument
from ..._shown_names import list_names
from .._cases import find_cases
from .._datalist import describe_data
from .._passed_over import explain_passed_over
from .._patients import find_patients, unchecked_note
from .._split import all_folds
from ._across_cases import (
    find_label_problems,
    find_large_cases,
    find_odd_channels,
    find_odd_geometries,
    find_odd_levels,
    find_odd_scales,
)
from ._cases import check_command, find_name_faults, inspect_for_network, log_warnings, require_names, why_empty
from ._folds import find_empty_sides, find_split_patients, find_twins, find_unscored_folds, find_untaught_classes
from ._inspection import inspect_cases, unread
from ._report import CaseFacts, DataReport, Finding, is_faulty

__all__ = ["check", "find_across_cases", "require_training_cases"]


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
    passed_over = explain_passed_over(root)
    try:
        cases = find_cases(root, True, in_channels or 1, channel_names)
        if not cases:
            raise FileNotFoundError(why_empty(root, labelled=True, cure="pass"))
        described = describe_data(root)
    except (ValueError, OSError) as error:
        return DataReport(str(root), [], [Finding("error", "", str(error))], passed_over)
    misnamed = [Finding("error", name, str(fault)) for name, fault in find_name_faults(cases, labelled=True)]
    names = {finding.case for finding in misnamed}
    whole = [case for case in cases if case["case"] not in names]
    inspected = list(inspect_cases(whole, trust_image_header=trust_image_header, progress=progress))
    patients, notes, findings = None, [], misnamed
    try:
        patients = find_patients(cases, root, patient_column, patient_regex)
        folds = all_folds(cases, root, patients)
        notes = [] if patients else [unchecked_note(root)]
        findings = [*misnamed, *find_empty_sides([case["case"] for case in cases], folds)]
    except ValueError as error:
        findings, folds = [*misnamed, Finding("error", "", str(error))], {}
    classes = num_classes or (max(described.labels) + 1 if described.labels else None)
    is_ct = bool(described.channels) and described.channels[0].upper() == "CT"
    found = find_across_cases(inspected, folds, patients, in_channels, classes, memory_gb, is_ct=is_ct)
    facts = sorted([f for f, _ in inspected] + [unread(c) for c in cases if c["case"] in names], key=lambda f: f.case)
    return DataReport(str(root), facts, _sorted([*findings, *found]), [*_converted(facts), *notes, *passed_over])


def require_training_cases(
    cases: list[dict[str, Any]],
    dataset_dir: str | PathLike[str],
    in_channels: int,
    spatial_dims: int,
    num_classes: int,
    validation: Mapping[str, Sequence[str]],
    trust_image_header: bool = False,
    spacing_mm: Sequence[float] | None = None,
    is_ct: bool = False,
) -> list[CaseFacts]:
    """Check what a training is about to use, each file and across cases; log the warnings.

    Whether a patient is on both sides is for :func:`split_cases`, which knows how patients are told apart.

    Args:
        cases: all of both sides, as :func:`find_cases` returns them.
        dataset_dir: the folder they come from.
        in_channels: channels that the network takes.
        spatial_dims: 2 or 3.
        num_classes: classes with background.
        validation: names of the validation cases, under the name of the fold.
        trust_image_header: let a label of its image's shape pass whatever its affine says.
        spacing_mm: to which the network's cases are resampled, if they are.
        is_ct: whether values must be HU.

    Returns:
        what was measured, in the order of the cases.

    Raises:
        FileNotFoundError: when the folder does not exist or holds no case, or a file is missing.
        ValueError: on the first error, with the number of the others.
    """
    require_names(cases, dataset_dir, labelled=True)
    inspected = list(inspect_for_network(cases, in_channels, spatial_dims, trust_image_header=trust_image_header))
    findings = find_across_cases(
        inspected, validation, in_channels=in_channels, num_classes=num_classes, spacing_mm=spacing_mm, is_ct=is_ct
    )
    findings += find_unscored_folds([facts for facts, _ in inspected], validation)
    sound = [facts for facts, found in inspected if not is_faulty(found)]
    findings += find_untaught_classes(sound, validation, num_classes)
    errors = [finding for finding in findings if finding.level == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more: {check_command(dataset_dir)} lists them)" if errors[1:] else ""
        raise ValueError(f"{errors[0].text}{more}")
    log_warnings(findings, dataset_dir)
    return [facts for facts, _ in inspected]


def find_across_cases(
    inspected: Sequence[tuple[CaseFacts, list[Finding]]],
    folds: Mapping[str, Sequence[str]],
    patients: Mapping[str, str] | None = None,
    in_channels: int | None = None,
    num_classes: int | None = None,
    memory_gb: float | None = None,
    spacing_mm: Sequence[float] | None = None,
    is_ct: bool = False,
) -> list[Finding]:
    """What was found in single cases, and what shows across those that are right by themselves; sorted.

    Args:
        inspected: facts and findings of each case, as :func:`inspect_cases` gives them.
        folds: names of the validation cases, by fold.
        patients: patient by case, if known.
        in_channels: image channels that each case must have; by default what most have.
        num_classes: classes with background, if known.
        memory_gb: what a resampled case may take; by default half of this machine's memory.
        spacing_mm: to which cases are resampled; by default their median.
        is_ct: whether values must be HU.
    """
    facts = [f for f, found in inspected if not is_faulty(found)]
    findings = [finding for _, found in inspected for finding in found]
    findings += find_odd_channels(facts, in_channels)
    findings += find_label_problems(facts, num_classes)
    findings += find_odd_geometries(facts)
    findings += find_odd_scales(facts)
    findings += find_odd_levels(facts, is_ct)
    findings += find_large_cases(facts, num_classes, memory_gb, spacing_mm)
    findings += find_twins([f for f, _ in inspected], folds)
    if patients:
        findings += find_split_patients([f.case for f, _ in inspected], folds, patients)
    return _sorted(findings)


def _converted(facts: Sequence[CaseFacts]) -> Iterator[str]:
    """Units other than mm, which nobody would see in the table."""
    for unit in sorted({f.unit for f in facts} - {"mm"}):
        cases = [f.case for f in facts if f.unit == unit]
        yield f"{len(cases)} image(s) state lengths in {unit}, converted to mm here: {list_names(cases)}"


def _sorted(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.case, finding.level))
