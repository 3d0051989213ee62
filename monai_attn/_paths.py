"""Paths as MONAI's command line hands them over."""

from os import PathLike
from pathlib import Path
from typing import Any

__all__ = ["misread", "path_argument"]


def path_argument(name: str, value: Any) -> Path:
    """Undo what ``python -m monai.bundle`` makes of a path: it reads 2024 as a number, ``a,2`` and ``[a]`` as lists.

    Args:
        name: name of the argument, for the error.
        value: what arrived.

    Returns:
        the path that was meant.

    Raises:
        ValueError: when the text that was typed cannot be told from ``value``.
    """
    if isinstance(value, str | PathLike):
        return Path(value)
    typed = _typed(value)
    if typed is None:
        raise ValueError(f"{name}={value!r} arrived as a {type(value).__name__}, not a path: put ./ before it")
    return Path(typed)


def misread(value: Any) -> str:
    """A remark on a path that is not there and did not arrive as text, empty for text."""
    if isinstance(value, str | PathLike):
        return ""
    return f" (read as the {type(value).__name__} {value!r}; put ./ before a name like that)"


def _typed(value: Any) -> str | None:
    """The text behind a value, where there is only one way to write it."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):  # also True
        return str(value)
    if isinstance(value, tuple | list):
        items = [_typed(item) for item in value]
        if any(item is None for item in items):
            return None
        text = ",".join(map(str, items))
        return text if isinstance(value, tuple) else f"[{text}]"
    return None  # 1.10 and 1.1 are the same float, {a} is a set
