"""Building blocks of the networks."""

from ._attention_gate import AttentionGate
from ._convolution import DoubleConvolution, UpConvolution, level_convolutions
from ._decoder import GatedDecoderLevel
from ._head import LogitsHead
from ._resize import FarEndPad, crop_to

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
