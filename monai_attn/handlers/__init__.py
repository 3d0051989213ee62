"""Metrics and reports that hang on ignite's engines."""

from .dice import DiceTable, MacroDice

__all__ = ["DiceTable", "MacroDice"]
