"""Networks."""

from ._attention_gated_unet import AttentionGatedUNet
from ._light_attention_gated_unet import LightAttentionGatedUNet

__all__ = ["AttentionGatedUNet", "LightAttentionGatedUNet"]
