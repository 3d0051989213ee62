"""Networks."""

from .attention_gated_unet import AttentionGatedUNet
from .light_attention_gated_unet import LightAttentionGatedUNet

__all__ = ["AttentionGatedUNet", "LightAttentionGatedUNet"]
