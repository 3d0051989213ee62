"""What is wrong with a bundle, read without running any of it."""

from ._finding import LintFinding
from ._lint import lint

__all__ = ["LintFinding", "lint"]
