"""Metrics, reports and safeguards that hang on ignite's engines."""

from .checkpoints import TrainingCheckpoints
from .faults import ResourceExhausted, StopOnBadLoss, explained
from .freezing import FreezeEncoder
from .interruption import TrainingInterrupted, interruptible
from .metrics import HausdorffDistance95, MacroDice, SurfaceDice
from .reseeding import ReseedEpochs
from .score_table import ScoreTable

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
