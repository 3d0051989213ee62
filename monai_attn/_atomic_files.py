"""Atomic writes: a reader sees the complete file or none."""

import errno
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from .errors import OutputError

__all__ = ["OutputError", "make_folder", "remove_leftovers", "write_whole"]

PREFIX, ENDING = ".monai-attn-", ".part"  # hidden, and no ending that readers of images look for
STALE_S = 3600.0  # a file that somebody still writes is younger
CURE = (
    "make room and see that the folder is writable, or pass another `output_dir`; with `skip_existing` the next run "
    "goes on where this one ended"
)


def write_whole(
    path: Path,
    write: Callable[[BinaryIO], object],
    check: Callable[[Path], object] | None = None,
    cure: str = CURE,
) -> None:
    """Write a file under a temporary name beside its own, and rename it once it is complete and on the disk.

    Args:
        path: the file; an existing one stays as it is until then.
        write: writes the content.
        check: raises ``OSError`` if the temporary file is not as it should be.
        cure: what to do if it cannot be written, for the message.

    Raises:
        OutputError: when it cannot be written there.
        ValueError: when the file's name is too long.
    """
    temporary = path.with_name(f"{PREFIX}{secrets.token_hex(8)}{ENDING}")  # of its own in each of several runs
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if check is not None:
            check(temporary)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        _unlink(temporary)
        if error.errno == errno.ENAMETOOLONG:
            raise ValueError(f"the name of '{path}' is too long for a file: rename the image") from error
        raise _output_error(path, error, cure) from error
    except BaseException:  # Ctrl-C, too
        _unlink(temporary)
        raise


def make_folder(folder: Path, cure: str = CURE) -> None:
    """Make a folder for results, if it does not exist. Raises :class:`OutputError`, with ``cure``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _output_error(folder, error, cure) from error


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that killed runs have left."""
    for path in folder.glob(f"{PREFIX}*{ENDING}"):
        with suppress(OSError):  # another run may remove it as well
            if time.time() - path.stat().st_mtime > STALE_S:
                path.unlink()


def _output_error(path: Path, error: OSError, cure: str) -> OutputError:
    return OutputError(f"'{path}' cannot be written ({error.strerror or error}): {cure}")


def _sync_folder(folder: Path) -> None:
    """Make the new name last, too; Windows neither can nor has to."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
