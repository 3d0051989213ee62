"""The command ``monai-attn``."""

from ._main import main

__all__ = ["main"]
