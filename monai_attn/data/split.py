"""Split cases into training and validation, by the data set's own folds where it has them."""

import json
import logging
import random
from os import PathLike
from pathlib import Path

__all__ = ["read_folds", "split_cases", "validation_cases"]

logger = logging.getLogger(__name__)


def read_folds(dataset_dir: str | PathLike[str]) -> dict[str, list[str]] | None:
    """Read ``folds.json``: ``{"validation": {"0": [case, ...], "1": ...}}``.

    Returns:
        the validation cases of each fold, or ``None`` when the data set has no such file.

    Raises:
        ValueError: when the file is something else.
    """
    path = Path(str(dataset_dir)) / "folds.json"
    if not path.is_file():
        return None
    try:
        validation = json.loads(path.read_text(encoding="utf-8"))["validation"]
        return {str(fold): [str(case) for case in cases] for fold, cases in validation.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        cure = '{"validation": {"0": [case names], ...}}'
        raise ValueError(f"'{path}' is no list of folds ({error!r}): write {cure}, or remove it") from error


def split_cases(
    cases: list[dict[str, str]],
    dataset_dir: str | PathLike[str],
    fold: int | str = 0,
    num_folds: int = 5,
    seed: int = 0,
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Split cases into training and validation.

    The folds come from ``folds.json`` in ``dataset_dir``. Without one, cases are dealt to ``num_folds`` folds at
    random, each case by itself: where one patient has several, write a ``folds.json`` that keeps them together.

    Args:
        cases: as :func:`find_cases` returns them.
        dataset_dir: folder of the data set.
        fold: which fold is held back for validation.
        num_folds: how many folds to deal without a ``folds.json``.
        seed: seed of that deal, which depends on the case names alone and not on their order.

    Returns:
        training cases and validation cases.

    Raises:
        ValueError: when there is no such fold, or one of the two sides would be empty.
    """
    if not cases:
        return [], []
    folds = read_folds(dataset_dir)
    if folds is None:
        names = sorted({case["case"] for case in cases})
        random.Random(seed).shuffle(names)  # noqa: S311 (no secret)
        folds = {str(k): names[k::num_folds] for k in range(num_folds)}
        logger.warning("no folds.json in '%s': split by case, not by patient, with seed %s", dataset_dir, seed)
    if str(fold) not in folds:
        raise ValueError(f"fold={fold!r} is not among the folds of '{dataset_dir}': use one of {', '.join(folds)}")
    held_back = set(folds[str(fold)])
    training = [case for case in cases if case["case"] not in held_back]
    validation = [case for case in cases if case["case"] in held_back]
    if not training or not validation:
        raise ValueError(
            f"fold={fold!r} of '{dataset_dir}' leaves {len(training)} case(s) for training and {len(validation)} for "
            "validation: add cases, or write a folds.json that has some on both sides"
        )
    return training, validation


def validation_cases(
    cases: list[dict[str, str]], dataset_dir: str | PathLike[str], fold: int | str | None = None
) -> list[dict[str, str]]:
    """Cases to evaluate: the validation side of a fold, or all of them where ``fold`` is ``None``.

    Args:
        cases: as :func:`find_cases` returns them.
        dataset_dir: folder of the data set.
        fold: a fold of :func:`split_cases`, or ``None``.

    Returns:
        the cases; the log has a warning when a data set with folds is taken whole.

    Raises:
        ValueError: as :func:`split_cases`.
    """
    if fold is not None:
        return split_cases(cases, dataset_dir, fold)[1]
    if read_folds(dataset_dir) is not None:
        logger.warning(
            "fold=None: evaluating all %d cases, those that weights were trained on included; --fold 0 holds to fold 0",
            len(cases),
        )
    return cases
