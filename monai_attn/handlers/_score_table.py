"""Scores per case and per class, in the log and as CSV."""

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.utils import string_list_all_gather
from torch import Tensor

from .._atomic_files import make_folder, write_whole
from .._paths import check_output_dir, path_argument
from .._shown_names import printable

__all__ = ["ScoreTable"]

CURE = "make room and see that the folder is writable, or pass another `output_dir`"

logger = logging.getLogger(__name__)


class ScoreTable:
    """Log the scores of each class after each validation, and on request log and write them per case.

    An ignite handler. For a metric called ``dice``, ``dice_per_case.csv`` has a row for each case and a column for each
    class and their mean; ``dice_per_class.csv`` has mean, standard deviation, minimum, maximum, number of cases and, of
    these, how many were missed (no finite score, which only distances know; they are left out of the mean). A class
    that is absent from the reference reads ``n/a``. Each item of a batch has its case's name under ``case``, as
    :func:`monai_attn.data.find_cases` gives it. In several processes, the first one reports for all.

    Args:
        class_names: names of the scored channels, in their order.
        metrics: names for the log and the files, and those under which the engine has the metrics.
        output_dir: folder for the files, and each case's first metric is logged, too; ``None`` logs the classes only.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        metrics: Mapping[str, str] | None = None,
        output_dir: str | PathLike[str] | None = None,
    ) -> None:
        self.class_names = list(class_names)
        self.metrics = {"dice": "val_mean_dice"} if metrics is None else dict(metrics)
        self.output_dir = None if output_dir is None else path_argument("output_dir", output_dir)
        self._cases: list[str] = []

    def attach(self, engine: Engine) -> None:
        """Follow the evaluator ``engine``."""
        if self.output_dir is not None:
            engine.add_event_handler(Events.STARTED, check_output_dir, self.output_dir)
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def _start(self, _engine: Engine) -> None:
        self._cases = []

    def _collect(self, engine: Engine) -> None:
        batch: Any = engine.state.batch  # decollated by MONAI's evaluator
        self._cases += [printable(str(item["case"])) for item in batch]

    def __call__(self, engine: Engine) -> None:
        """Report the scores of the epoch that ``engine`` has just ended."""
        cases, first = self._cases, True
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            cases, first = string_list_all_gather(cases), torch.distributed.get_rank() == 0
        if not first:
            return
        for number, (name, metric) in enumerate(self.metrics.items()):
            scores: Tensor = getattr(engine.state, "metric_details")[metric]  # noqa: B009 (MONAI adds it)
            if scores.shape != (len(cases), len(self.class_names)):
                raise ValueError(
                    f"class_names={self.class_names} are {len(self.class_names)} for scores of shape "
                    f"{tuple(scores.shape)} (cases, classes) of {len(cases)} cases: name each class but the background"
                )
            self._report(name, cases, scores, log_cases=number == 0)

    def _report(self, name: str, cases: Sequence[str], scores: Tensor, log_cases: bool) -> None:
        title = name.replace("_", " ").capitalize() if name == name.lower() else name
        if self.output_dir is not None:
            make_folder(self.output_dir, CURE)
            self._write_cases(self.output_dir / f"{name}_per_case.csv", cases, scores)
            self._write_classes(self.output_dir / f"{name}_per_class.csv", scores)
            for case, row in zip(cases, scores, strict=True):
                if log_cases:
                    logger.info("%s of %s: %s", title, case, self._name_scores(row))
            logger.info("wrote %s_per_case.csv and %s_per_class.csv to '%s'", name, name, self.output_dir)
        logger.info("%s over %d cases: %s", title, len(cases), self._name_scores(_drop_infinite(scores).nanmean(dim=0)))

    def _name_scores(self, scores: Tensor) -> str:
        named = [f"{name} {_number(score)}" for name, score in zip(self.class_names, scores, strict=True)]
        return ", ".join([*named, f"mean {_number(_drop_infinite(scores).nanmean())}"])

    def _write_cases(self, path: Path, cases: Sequence[str], scores: Tensor) -> None:
        rows = [
            [case, *map(_number, row), _number(_drop_infinite(row).nanmean())]
            for case, row in zip(cases, scores, strict=True)
        ]
        _write(path, ["case", *self.class_names, "mean"], rows)

    def _write_classes(self, path: Path, scores: Tensor) -> None:
        rows = []
        for name, column in zip(self.class_names, scores.T, strict=True):
            present = column[~column.isnan()]
            found = present[present.isfinite()]
            numbers: list[Tensor | float] = [float("nan")] * 4
            if len(found):
                numbers = [found.mean(), found.std(correction=0), found.min(), found.max()]
            rows.append([name, *map(_number, numbers), str(len(present)), str(len(present) - len(found))])
        mean = _number(_drop_infinite(scores).nanmean(dim=0).nanmean())
        scored = (~scores.isnan()).any(dim=1)
        missed = str(int(scores.isinf().sum()))
        rows.append(["mean", mean, "", "", "", str(int(scored.sum())), missed])
        _write(path, ["class", "mean", "std", "min", "max", "cases", "missed"], rows)


def _drop_infinite(scores: Tensor) -> Tensor:
    return torch.where(scores.isinf(), float("nan"), scores)


def _number(value: Tensor | float) -> str:
    return "n/a" if value != value else f"{float(value):.4f}"


def _write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    write_whole(path, lambda file: file.write(text.getvalue().encode()), cure=CURE)
