"""``monai-attn demo``: an averaged brain, or all steps on generated data."""

from ._brain import demo
from ._training import demo_training, generate_data

__all__ = ["demo", "demo_training", "generate_data"]
