"""Headers and voxels of NIfTI (one file, or a pair) and of MGZ, by nibabel's headers."""

import logging
import math
from typing import Any

import numpy as np
from nibabel.freesurfer.mghformat import MGHHeader
from nibabel.nifti1 import Nifti1Header, Nifti1PairHeader
from nibabel.nifti2 import Nifti2Header, Nifti2PairHeader
from numpy.typing import NDArray

from ._bytes import FileBytes
from ._geometry import Geometry, mgh_geometry, nifti_geometry

__all__ = ["data_end", "open_mgh", "open_nifti", "read_nifti"]

BLOCK = 1 << 20  # values scaled at once
GOOD_RAS = slice(28, 30)  # bytes of MGZ's flag, which nibabel overwrites

_quiet = logging.Logger("monai_attn.nibabel")  # takes what nibabel says of headers that it corrects
_quiet.addHandler(logging.NullHandler())


def open_nifti(file: FileBytes) -> tuple[Any, Geometry]:
    """The header, corrected where nibabel knows how, and what it says of the place.

    Raises:
        ValueError: when the file is plain Analyze.
        Exception: what nibabel raises on a bad header.
    """
    with file.open() as stream:
        start = stream.read(Nifti2Header.sizeof_hdr)
    two = 540 in (int.from_bytes(start[:4], order) for order in ("little", "big"))
    pair = (start[4:7] if two else start[344:347]) in (b"ni1", b"ni2")
    if not (pair or two or start[344:346] == b"n+") and file.path.lower().endswith((".hdr", ".hdr.gz")):
        raise ValueError("it is Analyze, which does not say where left is; convert it to NIfTI")
    kind: Any = (Nifti2PairHeader if pair else Nifti2Header) if two else (Nifti1PairHeader if pair else Nifti1Header)
    header = kind(start[: kind.template_dtype.itemsize], check=False)
    raw = header.structarr.copy()
    header.check_fix(logger=_quiet, error_level=40)
    return header, nifti_geometry(header, raw)


def open_mgh(file: FileBytes) -> tuple[Any, Geometry]:
    """The header of an MGZ file, and what it says of the place."""
    with file.open() as stream:
        start = stream.read(MGHHeader.template_dtype.itemsize)
    header = MGHHeader(start)  # type: ignore[no-untyped-call]
    return header, mgh_geometry(header, valid=any(start[GOOD_RAS]))


def read_nifti(header: Any, file: FileBytes) -> NDArray[Any]:
    """Voxels in memory order of the file, in the machine's byte order; float32 where the header scales them."""
    values: NDArray[Any]
    offset, dtype = header.get_data_offset(), header.get_data_dtype()
    values = file.read(offset, data_end(header) - offset).view(dtype)
    scaling = header.get_slope_inter()
    if scaling in ((None, None), (1.0, 0.0)):
        values = values.astype(dtype.newbyteorder("="), copy=False)
    else:
        values = _scale(values, *scaling)
    shape: tuple[int, ...] = header.get_data_shape()
    return values.reshape(shape, order="F")


def data_end(header: Any) -> int:
    """How many bytes a file with such a header has, unpacked."""
    size = math.prod(map(int, header.get_data_shape())) * int(header.get_data_dtype().itemsize)
    return int(header.get_data_offset()) + size


def _scale(values: NDArray[Any], slope: float, inter: float | None) -> NDArray[np.float32]:
    """In double precision, block by block, so that no copy of that size is needed."""
    scaled = np.empty(values.shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what becomes of it is looked at
        for start in range(0, values.size, BLOCK):
            block = slice(start, start + BLOCK)
            scaled[block] = values[block] * np.float64(slope) + np.float64(inter or 0.0)
    return scaled
