"""Which cases belong to one patient, from what the data set says and never from a guess."""

import csv
import re
from os import PathLike
from typing import Any

from ..paths import path_argument

__all__ = ["find_patients"]


def find_patients(
    cases: list[dict[str, Any]],
    dataset_dir: str | PathLike[str],
    column: str = "patient",
    regex: str | None = None,
) -> dict[str, str] | None:
    """The patient of each case.

    Args:
        cases: as :func:`find_cases` returns them.
        dataset_dir: folder of the data set; a ``cases.csv`` in it has ``id`` (case) and a column of patients.
        column: name of that column, or of a field of a datalist.
        regex: a pattern to search for in each case's name instead; its first group, or all of it, is the patient.

    Returns:
        patient by case, or ``None`` where neither column nor pattern is there.

    Raises:
        ValueError: when a case has no patient there, or the pattern is no regular expression.
    """
    if regex is not None:
        return _by_regex(cases, regex)
    if any(column in case for case in cases):
        patients = {case["case"]: str(case[column]) for case in cases if column in case}
        source = f"field '{column}' of the datalist"
    else:
        root = path_argument("dataset_dir", dataset_dir)
        path = (root.parent if root.is_file() else root) / "cases.csv"
        if not path.is_file():
            return None
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if not rows or "id" not in rows[0] or column not in rows[0]:
            return None
        patients = {row["id"]: row[column] for row in rows}
        source = f"column '{column}' of '{path}'"
    missing = [case["case"] for case in cases if not patients.get(case["case"])]
    if missing:
        raise ValueError(f"case '{missing[0]}' has no patient in {source}: add it there (missing: {len(missing)})")
    return patients


def _by_regex(cases: list[dict[str, Any]], regex: str) -> dict[str, str]:
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise ValueError(f"patient_regex={regex!r} is no regular expression ({error}): correct it") from error
    patients = {}
    for case in cases:
        match = pattern.search(case["case"])
        if match is None:
            raise ValueError(f"patient_regex={regex!r} does not match case '{case['case']}': write one that fits all")
        patients[case["case"]] = match[1] if pattern.groups else match[0]
    return patients
