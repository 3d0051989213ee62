"""Engines that keep what the bundles promise: checked cases, saved states, bad cases set aside."""

from ._evaluators import CaseEnsembleEvaluator, CaseEvaluator, CheckedEvaluator
from ._outcome import CasesFailed, Outcome
from ._trainer import CheckedTrainer

__all__ = ["CaseEnsembleEvaluator", "CaseEvaluator", "CasesFailed", "CheckedEvaluator", "CheckedTrainer", "Outcome"]
