"""Headers and voxels of NRRD, in one file (``.nrrd``) or with the voxels in another (``.nhdr``), by pynrrd."""

import io
from pathlib import Path
from typing import Any

import nrrd  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from ._bytes import FileBytes
from ._geometry import Geometry, nrrd_geometry

__all__ = ["is_nrrd", "nrrd_data_file", "nrrd_dtype", "open_nrrd", "read_nrrd"]

ELSEWHERE = ("data file", "datafile")  # the two spellings of the field that names the file with the voxels


def is_nrrd(path: str) -> bool:
    """Whether a file is NRRD, by its ending."""
    return path.lower().endswith((".nrrd", ".nhdr"))


def nrrd_data_file(path: str) -> str | None:
    """The file with the voxels of a ``.nhdr``, as far as its header names one."""
    with Path(path).open("rb") as file:
        header = nrrd.read_header(file)
    name = next((header[field] for field in ELSEWHERE if field in header), None)
    return None if name is None else str(Path(path).parent / str(name))


def open_nrrd(file: FileBytes) -> tuple[Any, Geometry]:
    """The header, and what it says of the place.

    Raises:
        Exception: what pynrrd raises on a bad header.
    """
    with file.open() as stream:
        header = nrrd.read_header(stream)
    return header, nrrd_geometry(header)


def nrrd_dtype(header: Any) -> np.dtype[Any]:
    """Type of the values as stored."""
    one = {"type": header["type"], "endian": header.get("endian", "little"), "dimension": 1, "sizes": np.ones(1, int)}
    values: NDArray[Any] = nrrd.read_data({**one, "encoding": "raw"}, io.BytesIO(bytes(16)))
    return values.dtype


def read_nrrd(header: Any, file: FileBytes, has_header: bool) -> NDArray[Any]:
    """Voxels in the machine's byte order.

    Args:
        header: what :func:`open_nrrd` gave.
        file: where the voxels are.
        has_header: whether they lie behind the header there.
    """
    with file.open() as stream:
        if has_header:
            nrrd.read_header(stream)
        values: NDArray[Any] = nrrd.read_data({k: v for k, v in header.items() if k not in ELSEWHERE}, stream)
    return values.astype(values.dtype.newbyteorder("="), copy=False)
