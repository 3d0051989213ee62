"""What went wrong beneath what MONAI wraps around it."""

__all__ = ["root_cause"]

# MONAI wraps an exception once per nested expression, component or transform.
_WRAPPERS = ("Failed to evaluate", "Failed to instantiate", "applying transform")


def root_cause(error: BaseException) -> BaseException:
    """The exception beneath MONAI's wrappers."""
    while error.__cause__ is not None and str(error).startswith(_WRAPPERS):
        error = error.__cause__
    return error
