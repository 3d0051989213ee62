"""Networks, their blocks, and their weights."""

from ._shape import NetworkShape, network_shape
from ._training_note import read_training_note, state_with_note
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
    "read_training_note",
    "state_with_note",
]
