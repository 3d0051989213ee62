"""Engines beside MONAI's."""

from .evaluators import CaseEnsembleEvaluator, CaseEvaluator
from .outcome import CasesFailed, Outcome

__all__ = ["CaseEnsembleEvaluator", "CaseEvaluator", "CasesFailed", "Outcome"]
