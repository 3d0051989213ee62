"""Pictures."""

from ._attention import attention_figure

__all__ = ["attention_figure"]
