"""Attention-gated U-Nets and MONAI bundles for CT and MRI segmentation."""

from . import bundle, data, handlers, networks
from .networks import AttentionGate, AttentionGatedUNet, load_weights

__version__ = "0.1.0"
__all__ = ["AttentionGate", "AttentionGatedUNet", "bundle", "data", "handlers", "load_weights", "networks"]
