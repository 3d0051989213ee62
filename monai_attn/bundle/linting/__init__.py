"""What is wrong with a bundle, read without running any of it."""

from .finding import LintFinding
from .lint import lint

__all__ = ["LintFinding", "lint"]
