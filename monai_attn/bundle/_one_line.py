"""Turn an exception into one line and an exit status at the command line, and only there."""

import copy
import logging
import os
import re
import signal
import sys
from types import TracebackType

from .._shown_names import escape_output
from ..engines import CasesFailed
from ..errors import OutputError, ResourceExhausted, TrainingInterrupted, explain, root_cause, worker_report
from ..handlers._signals import Terminated, end_on_sigterm

__all__ = ["is_monai_bundle", "one_line", "one_line_errors", "show_switches"]

_PLAIN = (CasesFailed, OutputError)  # they name the files, whose names may hold any word
_EXPECTED = (ValueError, OSError, ModuleNotFoundError, FloatingPointError, ResourceExhausted, TrainingInterrupted)
OURS = f"{__name__.partition('.')[0]}."
_ARGUMENT = re.compile(r"`(\w+)`")  # as lower rooms name one that helps


def one_line_errors() -> None:
    """Let ``python -m monai.bundle`` end with one line instead of MONAI's nested tracebacks.

    Exceptions stay what they are: only the interpreter's last resort, which prints what nobody caught, is replaced, so
    that callers of MONAI's bundle API notice nothing. The exit status is 1, after Ctrl-C 130 and after SIGTERM 143.
    With the environment variable ``MONAI_ATTN_DEBUG`` set, the tracebacks come back.
    """
    if not is_monai_bundle():
        return
    escape_output()
    sys.excepthook = _end
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.setFormatter(_ForTheTerminal(handler.formatter or logging.Formatter()))
    end_on_sigterm()


def is_monai_bundle() -> bool:
    """Whether the program that runs is ``python -m monai.bundle``."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name == "monai.bundle.__main__"


class _ForTheTerminal(logging.Formatter):
    """Without the traceback that MONAI's engines log of what ends them, and with switches for our arguments."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.formatter = getattr(formatter, "formatter", formatter)  # of another call

    def format(self, record: logging.LogRecord) -> str:
        if not os.environ.get("MONAI_ATTN_DEBUG"):
            record = copy.copy(record)
            record.exc_info = record.exc_text = None
        text = self.formatter.format(record)
        return show_switches(text) if record.name.startswith(OURS) else text


def _end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stdout.flush()
    if os.environ.get("MONAI_ATTN_DEBUG"):
        sys.__excepthook__(kind, error, trace)
    elif isinstance(error, Exception):
        cause = root_cause(error)
        before = [show_switches(line) for line in cause.lines] if isinstance(cause, CasesFailed) else []
        text = "\n".join(["", *before, one_line(error)])  # a progress bar may have left its line open
        print(text, file=sys.stderr, flush=True)
    elif isinstance(error, KeyboardInterrupt):
        number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        print(f"\ninterrupted by {number.name}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(128 + number)  # threads that fill a cache would abort an interpreter that winds up
    cause = root_cause(error)
    if isinstance(cause, TrainingInterrupted):
        sys.exit(cause.status)


def one_line(error: BaseException) -> str:
    """What happened, in one line; what nobody foresaw with its type and the way to its traceback.

    Rooms below name an argument that helps as ```output_dir```; here it becomes the switch ``--output_dir``.
    """
    cause = root_cause(error)
    plain = cause if isinstance(cause, _PLAIN) else explain(cause)
    report = worker_report(cause) if plain is None else None
    text = str(plain or cause)
    if report is not None:
        text = f"{report.kind}: {report.text} (in {report.worker}, set MONAI_ATTN_DEBUG=1 to see where)"
    elif plain is None and not isinstance(cause, _EXPECTED):
        text = f"{type(cause).__name__}: {text} (set MONAI_ATTN_DEBUG=1 to see where)"
    return f"error: {show_switches(' '.join(text.split()))}"


def show_switches(text: str) -> str:
    """Show the arguments that a text names in backticks as switches."""
    return _ARGUMENT.sub(r"--\1", text)
