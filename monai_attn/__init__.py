"""Attention-gated U-Nets and MONAI bundles for CT and MRI segmentation."""

from . import bundle, data, engines, handlers, networks
from .networks import AttentionGate, AttentionGatedUNet, LightAttentionGatedUNet, load_weights

__version__ = "0.1.0"
__all__ = [
    "AttentionGate",
    "AttentionGatedUNet",
    "LightAttentionGatedUNet",
    "bundle",
    "data",
    "engines",
    "handlers",
    "load_weights",
    "networks",
]
