"""Networks."""

from .attention_gated_unet import AttentionGatedUNet, LightAttentionGatedUNet

__all__ = ["AttentionGatedUNet", "LightAttentionGatedUNet"]
