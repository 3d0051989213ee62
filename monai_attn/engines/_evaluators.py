"""MONAI's evaluators over many cases, of which some may be bad."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

import torch
from monai.engines import EnsembleEvaluator, SupervisedEvaluator

from .._paths import check_output_dir, path_argument
from ..data import PartialBatch, SetAside, fault_text, remove_leftovers
from ..errors import OutputError, is_out_of_memory, root_cause
from ..handlers import is_better
from ._outcome import Outcome

__all__ = ["CaseEnsembleEvaluator", "CaseEvaluator", "CheckedEvaluator"]

logger = logging.getLogger(__name__)


class CheckedEvaluator(SupervisedEvaluator):
    """``monai.engines.SupervisedEvaluator`` that first has its data set checked, see ``CheckedDataset.prepare``.

    Within a training run the trainer has done so; alone, in ``evaluate.json`` or in federated learning, this does. A
    score that is NaN is never the best one.

    Args:
        arguments: of ``SupervisedEvaluator``.
        options: further arguments of it; ``metric_cmp_fn`` is :func:`monai_attn.handlers.is_better` by default.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"metric_cmp_fn": is_better, **options})

    def run(self, global_epoch: int = 1) -> None:  # type: ignore[override]  # as MONAI's own
        """Score all cases; nothing happens where a training run holds none back.

        Args:
            global_epoch: as of ``monai.engines.Evaluator``.

        Raises:
            FileNotFoundError: when there is no case, or a file is missing.
            ValueError: when a case cannot be used.
        """
        _prepare(self)
        if self.state.epoch_length != 0:
            super().run(global_epoch)


class CaseByCaseMixin:
    """Mix-in before one of MONAI's evaluators, whose iteration runs the network, the postprocessing and the saving."""

    outcome: Outcome

    def __init__(self, *arguments: Any, results: str = "results", output_dir: Any = ".", **options: Any) -> None:
        self._new_outcome = partial(Outcome, results, str(path_argument("output_dir", output_dir)))
        self.outcome = self._new_outcome()
        base: Any = super()
        base.__init__(*arguments, **options)

    def run(self, global_epoch: int = 1) -> None:
        """Run all cases, whatever becomes of some.

        Args:
            global_epoch: as of ``monai.engines.Evaluator``.

        Raises:
            CasesFailed: at the end, if cases failed; ``outcome`` says which.
            FileNotFoundError: at once, when there is no case.
            OutputError: at once, when results cannot be written; ``ValueError`` when there can be no such folder, or
                they would replace images.
        """
        self.outcome = self._new_outcome()
        check_output_dir(self.outcome.output_dir)
        _prepare(self)
        remove_leftovers(Path(self.outcome.output_dir))
        base: Any = super()
        base.run(global_epoch)
        self.outcome.check()

    def _iteration(self, engine: Any, batchdata: Any) -> Any:
        """One batch; without cases that were set aside, and with an empty output if nothing is left or it fails."""
        if isinstance(batchdata, PartialBatch):
            for one in batchdata.aside:
                self._set_aside(one)
            batchdata = engine.state.batch = batchdata.batch
        if batchdata is not None:
            cases, images = _cases(batchdata)
            base: Any = super()
            try:
                output = base._iteration(engine, batchdata)
                self.outcome.written += len(cases)
                return output
            except Exception as error:
                if _concerns_all(error):
                    raise
                faults = [fault_text(error, image) for image in images]
            # Here the exception is gone, and with it the tensors that its traceback held.
            for case, image, fault in zip(cases, images, faults, strict=True):
                self._set_aside(SetAside(case, image, fault))
        engine.state.batch = engine.state.output = []
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return engine.state.output

    def _set_aside(self, one: SetAside) -> None:
        self.outcome.add(one)
        if one.fault:
            logger.warning("case '%s' is set aside: %s", one.case, one.fault)


class CaseEvaluator(CaseByCaseMixin, SupervisedEvaluator):  # type: ignore[misc]  # run's arguments, as in MONAI's own
    """``monai.engines.SupervisedEvaluator`` that sets aside a case that fails and goes on with the next.

    Whatever is wrong with a file, too large for the memory, or cannot be brought back to its grid is one case's fault.
    A full disk is not, and ends the run, as does a broken device.

    Args:
        arguments: of ``SupervisedEvaluator``; ``val_data_loader`` has a :class:`monai_attn.data.CaseDataset` and
            :func:`monai_attn.data.collate_cases`.
        results: what is written, in the plural, for messages.
        output_dir: where to.
        options: further arguments of ``SupervisedEvaluator``.

    Attributes:
        outcome: :class:`Outcome` of the last run.
    """


class CaseEnsembleEvaluator(CaseByCaseMixin, EnsembleEvaluator):  # type: ignore[misc]  # as above
    """``monai.engines.EnsembleEvaluator`` with what :class:`CaseEvaluator` adds, and its further arguments."""


def _prepare(evaluator: Any) -> None:
    """Let the data set check its cases, if it is one that does."""
    prepare = getattr(getattr(evaluator.data_loader, "dataset", None), "prepare", None)
    if prepare is not None:
        prepare()


def _cases(batch: Any) -> tuple[list[str], list[str]]:
    """Names and image files in a batch."""
    images = getattr(batch["image"], "meta", {}).get("filename_or_obj", "unknown")
    images = [images] if isinstance(images, str) else [str(image) for image in images]
    return list(batch.get("case", images)), images


def _concerns_all(error: BaseException) -> bool:
    """Whether the next case would fail in the same way."""
    cause = root_cause(error)
    if isinstance(cause, torch.AcceleratorError):  # the process has lost its device
        return not is_out_of_memory(cause)
    return isinstance(cause, OutputError)
