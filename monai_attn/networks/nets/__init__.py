"""Networks."""

from .attention_gated_unet import AttentionGatedUNet

__all__ = ["AttentionGatedUNet"]
