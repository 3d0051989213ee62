"""Pictures."""

from ._attention import AttentionPanel, attention_figure

__all__ = ["AttentionPanel", "attention_figure"]
