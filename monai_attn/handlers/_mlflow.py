"""Track a training run with MLflow, which must not cost that run."""

import logging
from collections.abc import Callable
from typing import Any

from ignite.engine import Engine
from monai.handlers import MLFlowHandler

__all__ = ["RobustMLFlowHandler"]

logger = logging.getLogger(__name__)


class RobustMLFlowHandler(MLFlowHandler):
    """``monai.handlers.MLFlowHandler`` that never ends a training run, and never leaves its own run open.

    What MLflow cannot write, on a full disk or to a server that is gone, is said once, and the training run goes on
    without it. :class:`monai_attn.engines.CheckedTrainer` calls :meth:`end_run` where a training run ends early.

    Args:
        options: of ``MLFlowHandler``.

    Raises:
        ValueError: at the start of the run, when MLflow cannot be used at all.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lost = False

    def start(self, engine: Engine) -> None:
        """Open a run, or take the one that another handler has opened."""
        try:
            super().start(engine)
        except Exception as error:  # of MLflow, its database or its server
            raise ValueError(
                f"MLflow at '{self.client.tracking_uri}' cannot be used ({_first_line(error)}): set another "
                "`tracking_uri`, make room there, or leave out tracking_mlflow.json"
            ) from error

    def epoch_completed(self, engine: Engine) -> None:
        """Write the epoch's metrics."""
        self._try(super().epoch_completed, engine)

    def iteration_completed(self, engine: Engine) -> None:
        """Write the iteration's loss."""
        self._try(super().iteration_completed, engine)

    def complete(self) -> None:
        """Store the artifacts."""
        self._try(super().complete)

    def close(self) -> None:
        """Close the run."""
        self._try(super().close)

    def end_run(self, status: str) -> None:
        """Close the run before its time, with MLflow's status ``FAILED`` or ``KILLED``."""
        self.run_finish_status = status
        self.close()

    def _try(self, write: Callable[..., Any], *arguments: Any) -> None:
        if self._lost:
            return
        try:
            write(*arguments)
        except Exception as error:  # of MLflow, its database or its server
            self._lost = True
            logger.warning(
                "MLflow at '%s' takes no more (%s): the training goes on without it",
                self.client.tracking_uri,
                _first_line(error),
            )


def _first_line(error: BaseException) -> str:
    """Without the statement and the links that SQLAlchemy adds."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
