"""Networks, their blocks, and their weights."""

from .blocks import AttentionGate
from .nets import AttentionGatedUNet, LightAttentionGatedUNet
from .weights import LoadedWeights, load_networks, load_weights

__all__ = [
    "AttentionGate",
    "AttentionGatedUNet",
    "LightAttentionGatedUNet",
    "LoadedWeights",
    "load_networks",
    "load_weights",
]
