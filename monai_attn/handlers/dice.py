"""Dice per case and per class: mean over cases first, then over classes, and absent classes left out."""

import csv
import logging
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from monai.metrics import DiceMetric
from torch import Tensor

__all__ = ["DiceTable", "MacroDice"]

logger = logging.getLogger(__name__)


class MacroDice(DiceMetric):
    """Dice averaged over cases within each class, then over classes.

    MONAI's own "mean" averages over the classes of each case first, which lets a class that few cases have count less.
    A class that is absent from a reference has no Dice in that case (NaN, not 0); absent from all, it does not count.

    Args:
        include_background: whether channel 0 counts. Default: no.
    """

    def __init__(self, include_background: bool = False) -> None:
        super().__init__(include_background=include_background, ignore_empty=True)

    def aggregate(self, reduction: Any = None) -> Tensor:  # noqa: ARG002 (MONAI's signature)
        """Return the mean as a scalar tensor, NaN when no case has any class."""
        scores = self.get_buffer()  # type: ignore[no-untyped-call]
        if not isinstance(scores, Tensor):
            raise ValueError("no case was scored: run the metric on predictions and references first")
        return scores.nanmean(dim=0).nanmean()


class DiceTable:
    """Log Dice per class after each validation, and on request log and write it per case, as an ignite handler.

    ``dice_per_case.csv`` has a row for each case and a column for each class and their mean; ``dice_per_class.csv`` has
    mean, standard deviation, minimum, maximum and number of cases of each class. A class that is absent from the
    reference reads ``n/a``. Each item of a batch has its case's name under ``case``, as
    :func:`monai_attn.data.find_cases` gives it.

    Args:
        class_names: names of the scored channels, in their order.
        metric: name under which the engine has a :class:`MacroDice`.
        output_dir: folder for the two files, and each case is logged, too; ``None`` logs the classes only.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        metric: str = "val_mean_dice",
        output_dir: str | PathLike[str] | None = None,
    ) -> None:
        self.class_names = list(class_names)
        self.metric = metric
        self.output_dir = None if output_dir is None else Path(str(output_dir))
        self._cases: list[str] = []

    def attach(self, engine: Engine) -> None:
        """Follow the evaluator ``engine``."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def _start(self, _engine: Engine) -> None:
        self._cases = []

    def _collect(self, engine: Engine) -> None:
        batch: Any = engine.state.batch  # decollated by MONAI's evaluator
        self._cases += [str(item["case"]) for item in batch]

    def __call__(self, engine: Engine) -> None:
        """Report the scores of the epoch that ``engine`` has just ended."""
        scores: Tensor = getattr(engine.state, "metric_details")[self.metric]  # noqa: B009 (MONAI adds it)
        if scores.shape != (len(self._cases), len(self.class_names)):
            raise ValueError(
                f"class_names={self.class_names} are {len(self.class_names)} for scores of shape {tuple(scores.shape)} "
                f"(cases, classes) of {len(self._cases)} cases: name each class but the background"
            )
        if self.output_dir is not None:
            self.output_dir.mkdir(parents=True, exist_ok=True)
            self._write_cases(self.output_dir / "dice_per_case.csv", scores)
            self._write_classes(self.output_dir / "dice_per_class.csv", scores)
            for case, row in zip(self._cases, scores, strict=True):
                logger.info("Dice of %s: %s", case, self._named(row))
            logger.info("wrote dice_per_case.csv and dice_per_class.csv to '%s'", self.output_dir)
        logger.info("Dice over %d cases: %s", len(self._cases), self._named(scores.nanmean(dim=0)))

    def _named(self, scores: Tensor) -> str:
        named = [f"{name} {_number(dice)}" for name, dice in zip(self.class_names, scores, strict=True)]
        return ", ".join([*named, f"mean {_number(scores.nanmean())}"])

    def _write_cases(self, path: Path, scores: Tensor) -> None:
        rows = [
            [case, *map(_number, row), _number(row.nanmean())] for case, row in zip(self._cases, scores, strict=True)
        ]
        _write(path, ["case", *self.class_names, "mean"], rows)

    def _write_classes(self, path: Path, scores: Tensor) -> None:
        rows = []
        for name, column in zip(self.class_names, scores.T, strict=True):
            present = column[~column.isnan()]
            numbers: list[Tensor | float] = [float("nan")] * 4
            if len(present):
                numbers = [present.mean(), present.std(correction=0), present.min(), present.max()]
            rows.append([name, *map(_number, numbers), str(len(present))])
        mean = _number(scores.nanmean(dim=0).nanmean())
        scored = int((~scores.isnan()).any(dim=1).sum())
        rows.append(["mean", mean, "", "", "", str(scored)])
        _write(path, ["class", "mean", "std", "min", "max", "cases"], rows)


def _number(value: Tensor | float) -> str:
    return "n/a" if value != value else f"{float(value):.4f}"


def _write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
