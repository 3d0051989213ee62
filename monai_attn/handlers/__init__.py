"""Metrics, reports and safeguards that hang on ignite's engines."""

from ..errors import ResourceExhausted, TrainingInterrupted
from ._checkpoints import TrainingCheckpoints
from ._folder_lock import only_training_in
from ._freezing import FreezeEncoder
from ._metrics import HausdorffDistance95, MacroDice, SurfaceDice, is_better
from ._mlflow import RobustMLFlowHandler
from ._nan_guard import StopOnBadLoss
from ._reseeding import ReseedEpochs
from ._score_table import ScoreTable
from ._signals import interruptible

__all__ = [
    "FreezeEncoder",
    "HausdorffDistance95",
    "MacroDice",
    "ReseedEpochs",
    "ResourceExhausted",
    "RobustMLFlowHandler",
    "ScoreTable",
    "StopOnBadLoss",
    "SurfaceDice",
    "TrainingCheckpoints",
    "TrainingInterrupted",
    "interruptible",
    "is_better",
    "only_training_in",
]
