"""Inferers beside MONAI's."""

from .flips import FlipAveragingInferer
from .slices import SlicewiseInferer

__all__ = ["FlipAveragingInferer", "SlicewiseInferer"]
