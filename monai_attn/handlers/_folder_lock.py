"""One training at a time in a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from filelock import FileLock, Timeout

from .._paths import path_argument

__all__ = ["only_training_in"]

NAME = ".training.lock"
WAIT_S = 0.5  # longer than another training takes to remove its lock at its end


@contextmanager
def only_training_in(output_dir: str | PathLike[str]) -> Iterator[None]:
    """Keep other trainings out of a folder.

    The lock goes with the process, whatever ends it. Where the file system has no locks, or the folder does not exist
    or cannot be written, nothing is locked: what is written there later says why.

    Args:
        output_dir: the folder.

    Raises:
        ValueError: when another training holds it.
    """
    folder = path_argument("output_dir", output_dir)
    path = folder / NAME
    lock = FileLock(path, timeout=WAIT_S, fallback_to_soft=False)
    try:
        if folder.is_dir():  # or the lock would make it
            lock.acquire()
            _write_process(path)
    except Timeout as error:
        raise ValueError(
            f"output_dir='{folder}' has a training that still runs{_holder(path)}: wait until it has ended, or pass "
            "another `output_dir`"
        ) from error
    except (OSError, NotImplementedError):
        pass
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):  # Windows removes it on release
                path.unlink()
            lock.release()


def _write_process(path: Path) -> None:
    """Say who holds the lock, after the first byte, which Windows lets no one else read."""
    with path.open("r+b", buffering=0) as file:
        file.seek(1)
        file.write(b"%-20d" % os.getpid())


def _holder(path: Path) -> str:
    with suppress(OSError), path.open("rb", buffering=0) as file:
        file.seek(1)
        if process := file.read(20).decode("ascii", "ignore").strip():
            return f" (process {process})"
    return ""
