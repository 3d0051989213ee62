"""Inferers beside MONAI's."""

from ._flips import FlipAveragingInferer
from ._slices import SlicewiseInferer
from ._windows import WindowInferer

__all__ = ["FlipAveragingInferer", "SlicewiseInferer", "WindowInferer"]
