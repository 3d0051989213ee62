"""What the shipped bundles need at run time, and where they are."""

from .errors import one_line_errors
from .locate import bundle_dir
from .preflight import preflight

__all__ = ["bundle_dir", "one_line_errors", "preflight"]
