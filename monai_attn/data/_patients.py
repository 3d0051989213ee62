"""Which cases belong to one patient: from what the data set says, never from a guess."""

import csv
import io
import re
from os import PathLike
from pathlib import Path
from typing import Any

from .._paths import path_argument
from .._shown_names import list_names, printable

__all__ = ["find_patients", "unchecked_note"]


def find_patients(
    cases: list[dict[str, Any]],
    dataset_dir: str | PathLike[str],
    column: str | None = None,
    regex: str | None = None,
) -> dict[str, str] | None:
    """The patient of each case.

    Args:
        cases: as :func:`find_cases` returns them.
        dataset_dir: folder of the data set; a ``cases.csv`` in it has ``id`` (case) and a column of patients. A case
            whose name is not UTF-8 is written there as reports and scores show it.
        column: name of that column, or of a field of a datalist; by default "patient", if it is there.
        regex: a pattern to search for in each case's name instead; its first group, or all of it, is the patient.

    Returns:
        patient by case, or ``None`` where neither column nor pattern is there.

    Raises:
        ValueError: when the column that was asked for is not there, a case has no patient in it or two, the table
            cannot be read, or the pattern is not a regular expression.
    """
    if regex is not None:
        return _by_regex(cases, regex)
    name = column or "patient"
    root = path_argument("dataset_dir", dataset_dir)
    path = _table_file(root)
    table = _open(path)
    columns = _columns(table)
    if any(case.get(name) is not None for case in cases):
        patients = {printable(case["case"]): str(case[name]) for case in cases if case.get(name) is not None}
        source = f"field '{name}' of the datalist"
    elif table is not None and "id" in columns and name in columns:
        patients = _by_table(table, name, path)
        source = f"column '{name}' of '{path}'"
    elif column is None:
        return None
    else:
        there = f"'{path}' has {list_names(columns)}" if columns else f"there is no '{path}' with id,{column}"
        raise ValueError(f"patient_column='{column}' is neither in a datalist nor in cases.csv: {there}")
    patients = {case["case"]: patients.get(printable(case["case"]), "") for case in cases}
    missing = [case for case, patient in patients.items() if not patient]
    if missing:
        raise ValueError(f"case '{missing[0]}' has no patient in {source}: add it there (missing: {len(missing)})")
    return patients


def unchecked_note(dataset_dir: str | PathLike[str]) -> str:
    """That patients are not known, why, and what to do; for a data set of which :func:`find_patients` finds none."""
    path = _table_file(path_argument("dataset_dir", dataset_dir))
    why = "no cases.csv, no field 'patient' in a datalist: add one"
    if path.is_file():
        lacking = " and ".join(f"'{name}'" for name in ("id", "patient") if name not in _columns(_open(path)))
        why = f"'{path}' has no column {lacking}: add it, pass `patient_column`"
    return f"whether a patient is on both sides was not checked ({why} or pass `patient_regex`)"


def _table_file(root: Path) -> Path:
    return (root.parent if root.is_file() else root) / "cases.csv"


def _open(path: Path) -> "csv.DictReader[str] | None":
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8-sig")  # Excel puts a mark in front
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' is not UTF-8 ({error.reason}): save it as CSV UTF-8") from error
    delimiter = max(",;\t", key=text.partition("\n")[0].count)  # Excel's depends on the country
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        table.fieldnames  # noqa: B018 (reads the header)
    except csv.Error as error:
        raise _unreadable(path, table, error) from error
    return table


def _columns(table: "csv.DictReader[str] | None") -> list[str]:
    return [name for name in (table and table.fieldnames) or [] if name]


def _by_table(table: "csv.DictReader[str]", column: str, path: Path) -> dict[str, str]:
    patients: dict[str, str] = {}
    try:
        for row in table:
            cells: Any = row.pop(None, [])  # what is beyond the header's
            if any(cells):
                wanted = len(table.fieldnames or [])
                raise ValueError(
                    f"'{path}' has {wanted + len(cells)} cells in line {table.line_num}, but {wanted} in its header: "
                    f"remove a '{table.reader.dialect.delimiter}', or put quotes around the text that has one"
                )
            case, patient = printable(row["id"] or ""), row[column]
            if patients.setdefault(case, patient) != patient:
                raise ValueError(f"'{path}' has case '{case}' under '{patients[case]}' and '{patient}': correct one")
    except csv.Error as error:
        raise _unreadable(path, table, error) from error
    return patients


def _unreadable(path: Path, table: "csv.DictReader[str]", error: csv.Error) -> ValueError:
    return ValueError(f"'{path}' cannot be read at line {table.line_num + 1} ({error}): is a quote missing?")


def _by_regex(cases: list[dict[str, Any]], regex: str) -> dict[str, str]:
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise ValueError(f"patient_regex={regex!r} is not a regular expression ({error}): correct it") from error
    patients = {}
    for case in cases:
        match = pattern.search(case["case"])
        patient = match and (match[1] if pattern.groups else match[0])
        if not patient:
            raise ValueError(f"patient_regex={regex!r} does not match case '{case['case']}': write one that fits all")
        patients[case["case"]] = patient
    return patients
