"""``monai-attn demo``: a real averaged brain, or the whole way on generated data."""

from ._brain import demo
from ._training import demo_training, generate_data

__all__ = ["demo", "demo_training", "generate_data"]
