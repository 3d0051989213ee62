"""Paths as MONAI's command line hands them over, and folders for results."""

import os
from os import PathLike
from pathlib import Path
from typing import Any

__all__ = ["check_output_dir", "explain_misreading", "path_argument"]


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
    text = _find_text(value)
    if text is None:
        raise ValueError(f"{name}={value!r} arrived as a {type(value).__name__}, not a path: put ./ before it")
    return Path(text)


def check_output_dir(output_dir: str | PathLike[str]) -> Path:
    """Return the folder's full path, raise ``ValueError`` if it cannot be made or written; nothing is made yet."""
    target = path_argument("output_dir", output_dir).resolve()
    existing = next(path for path in (target, *target.parents) if path.exists())
    if not existing.is_dir():
        raise ValueError(f"output_dir='{output_dir}' cannot be a folder, '{existing}' is a file: use another")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ValueError(f"output_dir='{output_dir}' cannot be written, '{existing}' is read-only: use another folder")
    return target


def explain_misreading(value: Any) -> str:
    """Say how a path that does not exist was read, if it did not arrive as text; empty for text."""
    if isinstance(value, str | PathLike):
        return ""
    return f" (read as the {type(value).__name__} {value!r}; put ./ before a name like that)"


def _find_text(value: Any) -> str | None:
    """Find the text that was typed, where there is only one way to write a value."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):  # also True
        return str(value)
    if isinstance(value, tuple | list):
        items = [_find_text(item) for item in value]
        if any(item is None for item in items):
            return None
        text = ",".join(map(str, items))
        return text if isinstance(value, tuple) else f"[{text}]"
    return None  # 1.10 and 1.1 are the same float, {a} is a set
