"""Turn an exception into one line at the command line, and only there."""

import os
import sys
from types import TracebackType

__all__ = ["one_line_errors"]

# MONAI's bundle parser wraps each exception once per nested expression, component or transform.
_WRAPPERS = ("Failed to evaluate", "Failed to instantiate", "applying transform")
_EXPECTED = (ValueError, OSError, ModuleNotFoundError)


def one_line_errors() -> None:
    """Let ``python -m monai.bundle`` end with one line instead of MONAI's nested tracebacks.

    Exceptions stay what they are: only the interpreter's last resort, which prints what nobody caught, is replaced, so
    that callers of MONAI's bundle API notice nothing. The exit status stays 1. With the environment variable
    ``MONAI_ATTN_DEBUG`` set, the tracebacks come back.
    """
    if is_monai_bundle() and not os.environ.get("MONAI_ATTN_DEBUG"):
        sys.excepthook = _print_one_line


def is_monai_bundle() -> bool:
    """Whether the program that runs is ``python -m monai.bundle``."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name == "monai.bundle.__main__"


def _print_one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    sys.stdout.flush()
    print(f"\n{one_line(error)}", file=sys.stderr, flush=True)  # a progress bar may have left its line open


def one_line(error: BaseException) -> str:
    """What happened, in one line; what nobody foresaw with its type and the way to its traceback."""
    cause = root_cause(error)
    text = " ".join(str(cause).split())
    if not isinstance(cause, _EXPECTED):
        text = f"{type(cause).__name__}: {text} (set MONAI_ATTN_DEBUG=1 to see where)"
    return f"error: {text}"


def root_cause(error: BaseException) -> BaseException:
    """The exception beneath MONAI's wrappers."""
    while error.__cause__ is not None and str(error).startswith(_WRAPPERS):
        error = error.__cause__
    return error
