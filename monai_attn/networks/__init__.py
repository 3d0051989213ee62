"""Networks, their blocks, and their weights."""

from .blocks import AttentionGate
from .nets import AttentionGatedUNet
from .weights import load_weights

__all__ = ["AttentionGate", "AttentionGatedUNet", "load_weights"]
