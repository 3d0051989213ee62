"""Networks, their blocks, and their weights."""

from ._weights import LoadedWeights, load_networks, load_weights
from .blocks import AttentionGate
from .nets import AttentionGatedUNet, LightAttentionGatedUNet

__all__ = [
    "AttentionGate",
    "AttentionGatedUNet",
    "LightAttentionGatedUNet",
    "LoadedWeights",
    "load_networks",
    "load_weights",
]
