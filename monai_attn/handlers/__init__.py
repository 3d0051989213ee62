"""Metrics and reports that hang on ignite's engines."""

from .metrics import HausdorffDistance95, MacroDice, SurfaceDice
from .score_table import ScoreTable

__all__ = ["HausdorffDistance95", "MacroDice", "ScoreTable", "SurfaceDice"]
