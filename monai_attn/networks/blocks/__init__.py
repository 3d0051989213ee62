"""Building blocks of the networks."""

from .attention_gate import AttentionGate
from .convolution import DoubleConvolution, UpConvolution, crop_to

__all__ = ["AttentionGate", "DoubleConvolution", "UpConvolution", "crop_to"]
