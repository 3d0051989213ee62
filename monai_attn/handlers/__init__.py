"""Metrics, reports and safeguards that hang on ignite's engines."""

from ._checkpoints import TrainingCheckpoints
from ._freezing import FreezeEncoder
from ._metrics import HausdorffDistance95, MacroDice, SurfaceDice
from ._nan_guard import ResourceExhausted, StopOnBadLoss, explained
from ._reseeding import ReseedEpochs
from ._score_table import ScoreTable
from ._signals import TrainingInterrupted, interruptible

__all__ = [
    "FreezeEncoder",
    "HausdorffDistance95",
    "MacroDice",
    "ReseedEpochs",
    "ResourceExhausted",
    "ScoreTable",
    "StopOnBadLoss",
    "SurfaceDice",
    "TrainingCheckpoints",
    "TrainingInterrupted",
    "explained",
    "interruptible",
]
