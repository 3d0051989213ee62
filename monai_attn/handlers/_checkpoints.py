"""Save a training after each epoch, whole, and go on from there as if it had never stopped."""

import json
import logging
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch.distributed as dist
from ignite.engine import Events
from torch import nn
from torch.optim import Optimizer

from .._atomic_files import make_folder, remove_leftovers
from .._paths import check_output_dir, path_argument
from ..networks import state_with_note
from ..networks._weights import read_weights
from ._checkpoint_files import (
    checkpoint_files,
    earlier_folder,
    holds_network,
    newest_checkpoint,
    require_checkpoints,
    save_checkpoint,
    save_whole,
    set_aside,
)
from ._nan_guard import check_finite
from ._restore import OptimizerProgress
from ._resume_checks import check_resumable, digest

__all__ = ["TrainingCheckpoints"]

BEST, LAST = "model.pt", "model_final.pt"
SPENT = 1e-3  # share of the first learning rate below which a schedule has nothing left to give

logger = logging.getLogger(__name__)


class TrainingCheckpoints:
    """Keep the last two states of a training (``checkpoint_epoch<n>-<digest>.pt``) and its best network (``model.pt``).

    A state has the network, the optimizer, the schedule, the scaler of mixed precision, epoch and iteration, the best
    score so far, the seed and epoch from which random numbers follow, and digests of settings, config and cases.
    It is written after validation, and once before the first epoch. ``model.pt`` and, at the end, ``model_final.pt``
    are state dicts of the network alone.

    :class:`monai_attn.engines.CheckedTrainer` attaches it and calls :meth:`begin`.

    Args:
        output_dir: where to.
        network: what is trained, bare or wrapped for several processes; the first process writes.
        optimizer: of the network.
        lr_scheduler: of the optimizer, with ``state_dict``; ``None`` without one.
        evaluator: validates, and has the best score; higher is better.
        settings: plain values of the config that a resumed training is compared with; ``classes`` must not change.
        config: the parts of the config by name, where they are known; a resumed training names what changed.
    """

    def __init__(
        self,
        output_dir: str | PathLike[str],
        network: nn.Module,
        optimizer: Optimizer,
        lr_scheduler: Any,
        evaluator: Any,
        settings: Mapping[str, Any],
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = path_argument("output_dir", output_dir)
        self.network: nn.Module = getattr(network, "module", network)
        self.optimizer, self.lr_scheduler, self.evaluator = optimizer, lr_scheduler, evaluator
        self._progress = OptimizerProgress(optimizer, lr_scheduler)
        self.settings = json.loads(json.dumps(settings, default=str))  # as it will come back from a file
        self.config = {key: digest(value) for key, value in (config or {}).items()}
        self.data: Mapping[str, Mapping[str, str]] = {}
        self.note: Mapping[str, Any] | None = None
        self.resumes = self._started = False
        self._own: set[str] = set()  # files of this training, not of one before it
        self._earlier: Path | None = None
        self._scaler: dict[str, Any] | None = None

    @property
    def writes(self) -> bool:
        """Whether this process writes: the first of several."""
        return not (dist.is_available() and dist.is_initialized() and dist.get_rank())

    def attach(self, trainer: Any) -> None:
        """Hang on a trainer, after the handlers that validate and that load weights."""
        trainer.add_event_handler(Events.STARTED, self._start)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._save)
        trainer.add_event_handler(Events.COMPLETED, self._finish)

    def resume(self) -> None:
        """Let the first run of the trainer go on from the newest checkpoint; other runs go on by themselves."""
        self.resumes = True

    def check_folder(self) -> None:
        """Before there is work to lose. Raises ``ValueError`` or ``FileNotFoundError`` for a folder of no use."""
        check_output_dir(self.folder)
        if self.resumes and not self._started:
            require_checkpoints(self.folder)

    def prepare_folder(self) -> Path:
        """Make the folder, unless it should have a checkpoint already, and return it. Raises :class:`OutputError`."""
        if not self.resumes:
            make_folder(self.folder, "set an `output_dir` that can be written")
        return self.folder

    def begin(self, trainer: Any, data: Mapping[str, Mapping[str, str]], note: Mapping[str, Any] | None = None) -> bool:
        """Get ready for a run of the trainer; the first one resumes where that is asked for.

        Args:
            trainer: before it runs.
            data: digest of each case's files by name, for ``training`` and ``validation``.
            note: what the weights shall say of the training cases, see :func:`monai_attn.networks.state_with_note`.

        Returns:
            whether there is something to train; not where the checkpoint is of the last epoch.

        Raises:
            FileNotFoundError: when there is no checkpoint to resume from.
            ValueError: when all are damaged, or classes, network or cases are others than the checkpoint's.
        """
        self.data, self.note = data, note
        if self._started or not self.resumes:
            return True
        self._resume(trainer)
        done, wanted = trainer.state.epoch, trainer.state.max_epochs
        if done < wanted:
            return True
        logger.info("the training is complete: max_epochs=%d, and the checkpoint is of epoch %d", wanted, done)
        if self.writes and not holds_network(self.folder / LAST, self.network):  # what ended it came before that
            self._replace(LAST)
        return False

    def _resume(self, trainer: Any) -> None:
        """Put everything back as it was after the last epoch whose checkpoint is whole."""
        path, state = newest_checkpoint(self.folder)
        check_resumable(str(path), state, self.settings, self.config, self.data)
        try:
            self.network.load_state_dict(state["model"])
            self._progress.restore(state, state["epoch"] * trainer.state.epoch_length)
        except (RuntimeError, ValueError) as error:
            first = next(line for line in (*str(error).splitlines()[1:], str(error)) if line.strip())
            raise ValueError(
                f"checkpoint '{path}' is of another network or optimizer ({' '.join(first.split())[:200]}): set "
                "network_def and optimizer as they were, or leave out resume.json to start anew"
            ) from error
        self._scaler = state["scaler"]
        for engine, name in ((trainer, "trainer"), (self.evaluator, "evaluator")):
            engine.state.best_metric, engine.state.best_metric_epoch = state[f"best_of_{name}"]
        trainer.state.epoch = state["epoch"]
        trainer.state.iteration = state["epoch"] * trainer.state.epoch_length
        self._own = {LAST, *([BEST] if self.evaluator.state.best_metric_epoch > 0 else [])}
        self._find_best(state["epoch"])
        if self.writes:
            newer = [file.name for file in checkpoint_files(self.folder)]
            self._set_aside(*newer[: newer.index(path.name)])  # damaged; they would look like the newest
        if state["iteration"] != trainer.state.iteration:
            logger.warning("an epoch now has %d iterations", trainer.state.epoch_length)
        logger.info("resuming from '%s' after epoch %d of %d", path, state["epoch"], trainer.state.max_epochs)

    def _find_best(self, epoch: int) -> None:
        """Where ``model.pt`` is lost, write it again if the epoch at hand was the best; else seek another best."""
        best = self.evaluator.state
        if best.best_metric_epoch <= 0 or not math.isfinite(best.best_metric):
            return
        try:
            read_weights(self.folder / BEST)
        except (OSError, ValueError) as error:
            if best.best_metric_epoch == epoch:
                logger.warning("%s; it is written again from the checkpoint", error)
                if self.writes:
                    self._replace(BEST)
            else:
                logger.warning("%s; the best of the epochs to come takes its place", error)
                best.best_metric, best.best_metric_epoch = -1, -1

    def _start(self, trainer: Any) -> None:
        """Runs after the other handlers have started, such as one that loads the weights which are set aside here."""
        if self._scaler and getattr(trainer, "scaler", None) is not None:  # MONAI makes it when the run starts
            trainer.scaler.load_state_dict(self._scaler)
        further, self._started = self._started, True
        if further and all(group["lr"] < SPENT * group["initial_lr"] for group in self.optimizer.param_groups):
            self._progress.restart()  # as in federated learning, where a schedule is as long as one of many rounds
        if not self.writes or further:
            return
        remove_leftovers(self.folder)
        if self.resumes:
            return
        self._set_aside(*(file.name for file in checkpoint_files(self.folder)), BEST, LAST)
        save_checkpoint(self.folder, trainer.state.epoch, self._state(trainer))

    def _save(self, trainer: Any) -> None:
        epoch = trainer.state.epoch
        check_finite(self.network, f"after epoch {epoch}")
        if not self.writes:
            return
        best = self.evaluator.state
        unscored = best.epoch_length == 0  # nothing is held back: the last network is the best known
        if unscored or (best.best_metric_epoch == epoch and math.isfinite(best.best_metric)):
            self._replace(BEST)
        save_checkpoint(self.folder, epoch, self._state(trainer))

    def _finish(self, trainer: Any) -> None:
        scaler = getattr(trainer, "scaler", None)
        self._scaler = None if scaler is None else scaler.state_dict()
        if not self.writes:
            return
        self._replace(LAST)
        if BEST in self._own and not (self.folder / BEST).exists():
            logger.warning("'%s' was removed during the training: it is the last epoch's now", self.folder / BEST)
            self._replace(BEST)

    def _replace(self, name: str) -> None:
        if name not in self._own:
            self._set_aside(name)
            self._own.add(name)
        save_whole(self.folder / name, state_with_note(self.network, self.note))

    def _set_aside(self, *names: str) -> None:
        """Move files of an earlier training to a folder of their own, one for all that this training moves."""
        self._earlier = self._earlier or earlier_folder(self.folder)
        set_aside(self.folder, self._earlier, *names)

    def _state(self, trainer: Any) -> dict[str, Any]:
        scaler = getattr(trainer, "scaler", None)
        return {
            "epoch": trainer.state.epoch,
            "iteration": trainer.state.iteration,
            "model": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "lr_scheduler": None if self.lr_scheduler is None else self.lr_scheduler.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            **{
                f"best_of_{name}": [float(engine.state.best_metric), int(engine.state.best_metric_epoch)]
                for name, engine in (("trainer", trainer), ("evaluator", self.evaluator))
            },
            "random": {"seed": self.settings.get("seed"), "epoch": trainer.state.epoch},
            "settings": self.settings,
            "settings_sha256": digest(self.settings),
            "config": self.config,
            "config_sha256": digest(self.config),
            "data": self.data,
            "data_sha256": digest(self.data),
        }
