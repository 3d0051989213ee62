"""Engines beside MONAI's."""

from ._evaluators import CaseEnsembleEvaluator, CaseEvaluator
from ._outcome import CasesFailed, Outcome

__all__ = ["CaseEnsembleEvaluator", "CaseEvaluator", "CasesFailed", "Outcome"]
