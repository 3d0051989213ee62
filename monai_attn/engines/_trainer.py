"""A trainer that keeps what the bundles promise, whoever runs it."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from monai.engines import SupervisedTrainer

from ..data import CheckedDataset, digest_cases, measure_ranges, prepare_training
from ..errors import TrainingInterrupted, explain
from ..handlers import TrainingCheckpoints, interruptible, only_training_in

__all__ = ["CheckedTrainer"]


class CheckedTrainer(SupervisedTrainer):
    """``monai.engines.SupervisedTrainer`` that checks the cases first and saves what it does.

    Before the first epoch it checks the cases of both sides, see :class:`monai_attn.data.CheckedDataset`, and keeps
    other training runs out of its folder. It saves a checkpoint after each epoch, goes on from one where that is asked
    for, and ends between two iterations on SIGINT or SIGTERM. All of this is in :meth:`run`, so that it holds for
    MONAI's command line, federated learning, MONAI Label and scripts alike.

    Args:
        arguments: of ``SupervisedTrainer``.
        checkpoints: what keeps its state and knows its evaluator; attached here, after all other handlers.
        trackers: by name of an experiment tracker, its handlers for this engine under ``training`` and those for the
            evaluator of ``checkpoints`` under ``validation``.
        options: further arguments of ``SupervisedTrainer``.
    """

    def __init__(
        self,
        *arguments: Any,
        checkpoints: TrainingCheckpoints | None = None,
        trackers: Mapping[str, Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.checkpoints = checkpoints
        self._trackers = [h for parts in (trackers or {}).values() for side in parts.values() for h in side]
        for tracker in (trackers or {}).values():
            self._register_handlers(tracker.get("training", ()))
            if checkpoints is not None:
                checkpoints.evaluator._register_handlers(tracker.get("validation", ()))
        if checkpoints is not None:
            checkpoints.attach(self)

    def run(self) -> None:  # type: ignore[override]  # as MONAI's own
        """Train to ``state.max_epochs``; called again with more of them, go on from where it ended.

        Raises:
            FileNotFoundError: when there is no case, a file is missing, or there is no checkpoint to resume from.
            ValueError: when a case cannot be used, another training run writes to the folder, or what is resumed does
                not fit.
            TrainingInterrupted: after SIGINT or SIGTERM.
            FloatingPointError: when the loss or the weights become NaN or infinite.
            ResourceExhausted: when memory or a DataLoader worker gives out; ``OSError`` for the disk.
        """
        training, checkpoints = getattr(self.data_loader, "dataset", None), self.checkpoints
        if checkpoints is None:
            prepare_training(training, None)
            self._run()
            return
        checkpoints.check_folder()
        validation = getattr(checkpoints.evaluator.data_loader, "dataset", None)
        prepare_training(training, validation, checkpoints.settings.get("fold"))
        with only_training_in(checkpoints.prepare_folder()) if checkpoints.writes else nullcontext():
            digests = {"training": _digests(training), "validation": _digests(validation)}
            if checkpoints.begin(self, digests, _trained_on(training)):
                with interruptible(self, checkpoints.evaluator):
                    self._run()

    def _run(self) -> None:
        try:
            super().run()
        except KeyboardInterrupt:
            self._end_trackers("KILLED")
            raise
        except Exception as error:
            self._end_trackers("KILLED" if isinstance(error, TrainingInterrupted) else "FAILED")
            plain = explain(error) if isinstance(error, RuntimeError | OSError | MemoryError) else None
            if plain is None:
                raise
            raise plain from error

    def _end_trackers(self, status: str) -> None:
        """Close what trackers have open; several may share a run, which the first one closes."""
        for tracker in self._trackers:
            if hasattr(tracker, "end_run"):
                tracker.end_run(status)


def _trained_on(dataset: Any) -> dict[str, Any] | None:
    """What the weights shall say of the cases that train them."""
    if not isinstance(dataset, CheckedDataset):
        return None
    shape = dataset.shape
    ranges = measure_ranges(dataset.facts, shape.spatial_dims, shape.out_channels)
    return None if ranges is None else ranges.to_note()


def _digests(dataset: Any) -> dict[str, str]:
    """Digest of each case's files by name; of another's data set nothing is known."""
    return digest_cases(dataset.cases) if isinstance(dataset, CheckedDataset) else {}
