"""Pictures."""

from .attention import attention_figure

__all__ = ["attention_figure"]
