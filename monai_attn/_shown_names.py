"""Names of files and cases as messages and tables show them: in few words, and such that any stream takes them."""

import sys
from collections.abc import Iterable

__all__ = ["escape_output", "list_names", "printable"]

ROOM = 60  # characters of a list of names, so that a line keeps to about 200


def printable(text: str) -> str:
    r"""``text`` with each byte of a file's name that is not UTF-8 as ``\udc..``, which every UTF-8 stream takes.

    Python reads such a byte as half a surrogate pair and refuses to write that. In JSON the escape stands for the same
    half, so that a name which was written in this form is found again.
    """
    return text.encode(errors="backslashreplace").decode()


def list_names(names: Iterable[object]) -> str:
    """The first names in quotes, as many as fit into a line but one at least, and dots for the others."""
    quoted = [f"'{name}'" for name in names]
    shown = quoted[:1]
    for name in quoted[1:]:
        if len(", ".join([*shown, name])) > ROOM:
            break
        shown.append(name)
    return ", ".join([*shown, *(["..."] if len(shown) < len(quoted) else [])])


def escape_output() -> None:
    """Let the streams of a program write what their encoding does not have as an escape, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not what tests and notebooks put in their place
            stream.reconfigure(errors="backslashreplace")
