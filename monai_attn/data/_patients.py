"""Which cases belong to one patient: from what the data set says, never from a guess."""

import csv
import io
import re
from os import PathLike
from pathlib import Path
from typing import Any

from .._paths import path_argument

__all__ = ["find_patients"]


def find_patients(
    cases: list[dict[str, Any]],
    dataset_dir: str | PathLike[str],
    column: str | None = None,
    regex: str | None = None,
) -> dict[str, str] | None:
    """The patient of each case.

    Args:
        cases: as :func:`find_cases` returns them.
        dataset_dir: folder of the data set; a ``cases.csv`` in it has ``id`` (case) and a column of patients.
        column: name of that column, or of a field of a datalist; by default "patient", if it is there.
        regex: a pattern to search for in each case's name instead; its first group, or all of it, is the patient.

    Returns:
        patient by case, or ``None`` where neither column nor pattern is there.

    Raises:
        ValueError: when the column that was asked for is not there, a case has no patient in it, or the pattern is not
            a regular expression.
    """
    if regex is not None:
        return _by_regex(cases, regex)
    name = column or "patient"
    root = path_argument("dataset_dir", dataset_dir)
    table = (root.parent if root.is_file() else root) / "cases.csv"
    rows = _rows(table)
    columns = sorted({key for row in rows for key in row})
    if any(name in case for case in cases):
        patients = {case["case"]: str(case[name]) for case in cases if name in case}
        source = f"field '{name}' of the datalist"
    elif "id" in columns and name in columns:
        patients = {row["id"]: row[name] for row in rows}
        source = f"column '{name}' of '{table}'"
    elif column is None:
        return None
    else:
        there = f"'{table}' has {', '.join(columns)}" if columns else f"there is no '{table}' with id,{column}"
        raise ValueError(f"patient_column='{column}' is neither in a datalist nor in cases.csv: {there}")
    missing = [case["case"] for case in cases if not patients.get(case["case"])]
    if missing:
        raise ValueError(f"case '{missing[0]}' has no patient in {source}: add it there (missing: {len(missing)})")
    return {case["case"]: patients[case["case"]] for case in cases}


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")  # Excel puts a mark in front
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' is not UTF-8 ({error.reason}): save it as CSV UTF-8") from error
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)  # Excel's depends on the country
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    return [{key: value for key, value in row.items() if isinstance(key, str)} for row in rows]  # None: cells too many


def _by_regex(cases: list[dict[str, Any]], regex: str) -> dict[str, str]:
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise ValueError(f"patient_regex={regex!r} is not a regular expression ({error}): correct it") from error
    patients = {}
    for case in cases:
        match = pattern.search(case["case"])
        if match is None:
            raise ValueError(f"patient_regex={regex!r} does not match case '{case['case']}': write one that fits all")
        patients[case["case"]] = match[1] if pattern.groups else match[0]
    return patients
