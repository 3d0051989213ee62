"""Networks, their blocks, and their weights."""

from ._shape import NetworkShape, network_shape
from ._weights import (
    LoadedWeights,
    OtherArchitectureError,
    OtherClassesError,
    WeightsError,
    load_networks,
    load_weights,
)
from .blocks import AttentionGate
from .nets import AttentionGatedUNet, LightAttentionGatedUNet

__all__ = [
    "AttentionGate",
    "AttentionGatedUNet",
    "LightAttentionGatedUNet",
    "LoadedWeights",
    "NetworkShape",
    "OtherArchitectureError",
    "OtherClassesError",
    "WeightsError",
    "load_networks",
    "load_weights",
    "network_shape",
]
