"""Building blocks of the networks."""

from .attention_gate import AttentionGate
from .convolution import DoubleConvolution, UpConvolution, level_convolutions
from .decoder import GatedDecoderLevel
from .head import SegmentationHead
from .resize import FarEndPad, crop_to

__all__ = [
    "AttentionGate",
    "DoubleConvolution",
    "FarEndPad",
    "GatedDecoderLevel",
    "SegmentationHead",
    "UpConvolution",
    "crop_to",
    "level_convolutions",
]
