"""From a data set's measures to a bundle for it."""

from ._plan import Plan, plan

__all__ = ["Plan", "plan"]
