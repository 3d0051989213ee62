"""Inferers beside MONAI's."""

from ._flips import FlipAveragingInferer
from ._slices import SlicewiseInferer

__all__ = ["FlipAveragingInferer", "SlicewiseInferer"]
