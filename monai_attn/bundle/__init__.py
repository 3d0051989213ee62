"""What the shipped bundles need at run time, and where they are."""

from .errors import one_line_errors
from .locate import bundle_dir
from .preflight import check_device, check_output_dir, preflight

__all__ = ["bundle_dir", "check_device", "check_output_dir", "one_line_errors", "preflight"]
