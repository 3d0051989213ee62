"""Split cases into training and validation, by the data set's own folds where it has them."""

import json
import logging
import random
from os import PathLike
from typing import Any

from .._paths import path_argument
from .._shown_names import list_names, printable
from ._patients import find_patients, unchecked_note

__all__ = ["all_folds", "known_folds", "read_folds", "split_cases", "validation_cases"]

logger = logging.getLogger(__name__)


def read_folds(dataset_dir: str | PathLike[str]) -> dict[str, list[str]] | None:
    """Read ``folds.json``: ``{"validation": {"0": [case, ...], "1": ...}}``.

    Returns:
        the validation cases of each fold, or ``None`` when the data set has no such file.

    Raises:
        ValueError: when the file is something else.
    """
    root = path_argument("dataset_dir", dataset_dir)
    path = (root.parent if root.is_file() else root) / "folds.json"
    if not path.is_file():
        return None
    try:
        validation = json.loads(path.read_text(encoding="utf-8-sig"))["validation"]  # Windows may put a mark in front
        return {str(fold): [str(case) for case in cases] for fold, cases in validation.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        cure = '{"validation": {"0": [case names], ...}}'
        raise ValueError(f"'{path}' is not a list of folds ({error!r}): write {cure}, or remove it") from error


def split_cases(
    cases: list[dict[str, Any]],
    dataset_dir: str | PathLike[str],
    fold: int | str = 0,
    num_folds: int = 5,
    seed: int = 0,
    patient_column: str | None = None,
    patient_regex: str | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Split cases into training and validation.

    The folds come from ``folds.json`` in ``dataset_dir``, or from the field ``fold`` of a datalist. Without these,
    patients are dealt to ``num_folds`` folds at random, all cases of one together; where the data set does not name
    patients (see :func:`find_patients`), each case counts as one, and a warning says so.

    Args:
        cases: as :func:`find_cases` returns them.
        dataset_dir: folder of the data set.
        fold: which fold is held back for validation.
        num_folds: how many folds to deal without a ``folds.json``.
        seed: seed of that deal, which depends on the names alone and not on their order.
        patient_column: where a ``cases.csv`` or a datalist names the patient; "patient" if it is there.
        patient_regex: a pattern that finds the patient in a case's name.

    Returns:
        training cases and validation cases.

    Raises:
        ValueError: when there is no such fold, one of the two sides would be empty, or a patient is on both.
    """
    if not cases:
        return [], []
    patients = find_patients(cases, dataset_dir, patient_column, patient_regex)
    folds = all_folds(cases, dataset_dir, patients, num_folds, seed)
    if known_folds(cases, dataset_dir) is None:
        unit = "patient" if patients else "case, not by patient"
        logger.warning("no folds.json in '%s': split by %s, with seed %s", dataset_dir, unit, seed)
    if patients is None:
        logger.warning("%s", unchecked_note(dataset_dir))
    if str(fold) not in folds:
        raise ValueError(f"fold={fold!r} is not among the folds of '{dataset_dir}': use one of {', '.join(folds)}")
    held_back = set(folds[str(fold)])
    absent = sorted(held_back - {case["case"] for case in cases})
    if absent:
        logger.warning("fold %s names %d case(s) that are not here: %s", fold, len(absent), list_names(absent))
    training = [case for case in cases if case["case"] not in held_back]
    validation = [case for case in cases if case["case"] in held_back]
    if not training or not validation:
        raise ValueError(
            f"fold={fold!r} of '{dataset_dir}' leaves {len(training)} case(s) for training and {len(validation)} for "
            "validation: add cases, or write a folds.json that has some on both sides"
        )
    if patients:
        both = {patients[c["case"]] for c in training} & {patients[c["case"]] for c in validation}
        if both:
            raise ValueError(
                f"patient '{min(both)}' is in training and in validation of fold={fold!r}: "
                "write folds that keep the cases of a patient together"
            )
    return training, validation


def known_folds(cases: list[dict[str, Any]], dataset_dir: str | PathLike[str]) -> dict[str, list[str]] | None:
    """Validation cases of each fold, from ``folds.json`` or the datalist; ``None`` where neither has any."""
    folds = read_folds(dataset_dir)
    if folds is None:
        return _listed_folds(cases)
    names = {printable(case["case"]): case["case"] for case in cases}  # whichever way they are written there
    return {fold: [names.get(printable(case), case) for case in held] for fold, held in folds.items()}


def all_folds(
    cases: list[dict[str, Any]],
    dataset_dir: str | PathLike[str],
    patients: dict[str, str] | None = None,
    num_folds: int = 5,
    seed: int = 0,
) -> dict[str, list[str]]:
    """Validation cases of each fold: those of the data set, or else as :func:`split_cases` deals them."""
    folds = known_folds(cases, dataset_dir)
    return _deal(patients or {c["case"]: c["case"] for c in cases}, num_folds, seed) if folds is None else folds


def _listed_folds(cases: list[dict[str, Any]]) -> dict[str, list[str]] | None:
    """Folds by the field of a datalist; cases without the field are always for training."""
    folds: dict[str, list[str]] = {}
    for case in cases:
        if "fold" in case:
            folds.setdefault(str(case["fold"]), []).append(case["case"])
    return dict(sorted(folds.items())) or None


def _deal(patients: dict[str, str], num_folds: int, seed: int) -> dict[str, list[str]]:
    names = sorted(set(patients.values()))
    random.Random(seed).shuffle(names)  # noqa: S311 (no secret)
    turn = {name: k % num_folds for k, name in enumerate(names)}
    return {str(k): [case for case, patient in patients.items() if turn[patient] == k] for k in range(num_folds)}


def validation_cases(
    cases: list[dict[str, Any]], dataset_dir: str | PathLike[str], fold: int | str | None = None, **options: Any
) -> list[dict[str, Any]]:
    """Cases to evaluate: the validation side of a fold, or all of them where ``fold`` is ``None``.

    Args:
        cases: as :func:`find_cases` returns them.
        dataset_dir: folder of the data set.
        fold: a fold of :func:`split_cases`, or ``None``.
        options: further arguments of :func:`split_cases`.

    Returns:
        the cases.

    Raises:
        ValueError: as :func:`split_cases`.
    """
    return cases if fold is None else split_cases(cases, dataset_dir, fold, **options)[1]
