"""Metrics, reports and safeguards that hang on ignite's engines."""

from ..errors import ResourceExhausted, TrainingInterrupted
from ..errors import explain as explained
from ._checkpoints import TrainingCheckpoints
from ._freezing import FreezeEncoder
from ._metrics import HausdorffDistance95, MacroDice, SurfaceDice
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
    "ScoreTable",
    "StopOnBadLoss",
    "SurfaceDice",
    "TrainingCheckpoints",
    "TrainingInterrupted",
    "explained",
    "interruptible",
]
