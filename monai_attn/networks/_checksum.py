"""SHA-256 of weights in a file beside them, as ``sha256sum`` writes and checks it."""

import hashlib
import re
from os import PathLike
from pathlib import Path

__all__ = ["WeightsError", "check_sha256", "sha256_path", "write_sha256"]

LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")
SHOWN = 12  # digits that an error shows
MAX_BYTES = 1000  # of the file with the line


class WeightsError(ValueError):
    """A file of weights that cannot be used.

    Attributes:
        fact: what is wrong with which file.
        cure: what to do about it, if the fact does not say it.
    """

    def __init__(self, fact: str, cure: str = "") -> None:
        super().__init__(fact, cure)
        self.fact, self.cure = fact, cure

    def __str__(self) -> str:
        return f"{self.fact}: {self.cure}" if self.cure else self.fact


def sha256_path(path: str | PathLike[str]) -> Path:
    """Where the SHA-256 of a weights file stands: ``model.pt.sha256`` beside ``model.pt``."""
    path = Path(path)
    return path.with_name(f"{path.name}.sha256")


def check_sha256(path: str | PathLike[str], content: bytes) -> None:
    """Compare a weights file's bytes with the SHA-256 beside it; without one there is nothing to compare.

    Args:
        path: the weights file.
        content: its bytes, as they will be used: hashing the file by itself would leave time to exchange it.

    Raises:
        WeightsError: when the SHA-256 differs, or its file is not what ``sha256sum`` writes for this file.
    """
    path, beside = Path(path), sha256_path(path)
    if not beside.is_file():
        return
    cure = f"sha256sum {path.name} > {beside.name} in its folder"
    with beside.open("rb") as file:
        lines = file.read(MAX_BYTES).decode(errors="replace").splitlines()
    line = LINE.fullmatch(lines[0]) if len(lines) == 1 else None
    if line is None or line[2] != path.name:
        raise WeightsError(f"'{beside}' is not the one line '<64 hex digits>  {path.name}'", f"write it with {cure}")
    wanted, found = line[1].lower(), hashlib.sha256(content).hexdigest()
    if found != wanted:
        fact = f"weights '{path}' have SHA-256 {found[:SHOWN]}..., but '{beside.name}' says {wanted[:SHOWN]}..."
        raise WeightsError(fact, f"restore the file; if you replaced it on purpose, {cure}, or delete {beside.name}")


def write_sha256(path: str | PathLike[str], content: bytes) -> Path:
    """Write the SHA-256 of a weights file's bytes beside it; returns the written file."""
    beside = sha256_path(path)
    line = f"{hashlib.sha256(content).hexdigest()}  {Path(path).name}\n"
    beside.write_bytes(line.encode())  # not as text, which on Windows would end in a way that sha256sum refuses
    return beside
