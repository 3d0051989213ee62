"""Metrics and reports that hang on ignite's engines."""

from .freezing import FreezeEncoder
from .metrics import HausdorffDistance95, MacroDice, SurfaceDice
from .score_table import ScoreTable

__all__ = ["FreezeEncoder", "HausdorffDistance95", "MacroDice", "ScoreTable", "SurfaceDice"]
