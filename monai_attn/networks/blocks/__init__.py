"""Building blocks of the networks."""

from .attention_gate import AttentionGate
from .convolution import DoubleConvolution, UpConvolution, level_convolutions
from .decoder import GatedDecoderLevel
from .head import LogitsHead
from .resize import FarEndPad, crop_to

__all__ = [
    "AttentionGate",
    "DoubleConvolution",
    "FarEndPad",
    "GatedDecoderLevel",
    "LogitsHead",
    "UpConvolution",
    "crop_to",
    "level_convolutions",
]
