"""Open an image file: the one call from which everything takes voxels, affine, units and channels."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._bytes import FileBytes, digest_files, kind_of_content
from ._geometry import Geometry
from ._nifti import open_mgh, open_nifti, read_nifti
from ._nrrd import is_nrrd, nrrd_data_file, nrrd_dtype, open_nrrd, read_nrrd

__all__ = ["Volume", "is_nifti", "open_volume", "parts"]

MGH = (".mgz", ".mgh")
PAIRS = {".hdr": ".img", ".img": ".hdr"}


@dataclass
class Volume:
    """Header of an image file, and a way to its voxels.

    Attributes:
        path: the file.
        shape: as stored, spatial axes first.
        geometry: where it lies.
        dtype: of the values as stored.
        header: nibabel's for NIfTI and MGZ, pynrrd's for NRRD.
        read: gives the voxels, see :meth:`voxels`.
        digest: of the file's bytes, if asked for.
    """

    path: str
    shape: tuple[int, ...]
    geometry: Geometry
    dtype: np.dtype[Any]
    header: Any
    read: Callable[[], NDArray[Any]]
    digest: str = ""

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4), from voxels to mm in RAS."""
        return self.geometry.affine

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """The first three axes, or two."""
        return self.shape[:3]

    @property
    def channels(self) -> int:
        """How many values there are for each voxel."""
        return int(np.prod(self.shape[3:], dtype=int))

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Size of a voxel along each spatial axis."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return tuple(float(length) for length in lengths[: len(self.spatial_shape)])

    def voxels(self) -> NDArray[Any]:
        """All values: as stored, or as float32 where the header scales them.

        Raises:
            ValueError: when the file ends early or is damaged.
            MemoryError: when they are too many.
        """
        try:
            return self.read()
        except MemoryError:  # nothing is wrong with the file
            raise
        except Exception as error:  # a file cut short behind a good header, in as many ways
            raise ValueError(
                f"'{self.path}' has damaged or missing voxels ({_reason(error)}): replace the file"
            ) from error


def open_volume(path: str | PathLike[str], keep: bool = False) -> Volume:
    """Read the header of a NIfTI, MGZ or NRRD file.

    Args:
        path: the file; of a pair, either the header or the voxels.
        keep: whether to read all bytes of the file now, once: for its digest, and for the voxels later.

    Raises:
        FileNotFoundError: when it does not exist.
        ValueError: when it cannot be read, or holds no numbers.
    """
    path = str(path)
    try:
        head, *body = [FileBytes(part, keep, unpack=not is_nrrd(path)) for part in parts(path)]
        volume = _open(path, head, body[0] if body else head)
        volume.digest = digest_files([head, *body]) if keep else ""
    except MemoryError:  # nothing is wrong with the file
        raise
    except FileNotFoundError as error:
        raise FileNotFoundError(f"'{error.filename or path}' is not there: add that file") from error
    except Exception as error:  # whatever gzip, struct, numpy or the libraries raise on a damaged header
        reason = kind_of_content(path) or _reason(error)
        raise ValueError(f"'{path}' cannot be read as {_kind(path)} ({reason}): replace the file") from error
    if volume.dtype.kind not in "iuf":
        raise ValueError(f"'{path}' has voxels of type {volume.dtype}, not numbers: convert it to one number a voxel")
    return volume


def is_nifti(path: str | PathLike[str]) -> bool:
    """Whether a file is NIfTI in one file, by its ending."""
    return str(path).lower().endswith((".nii", ".nii.gz"))


def parts(path: str) -> list[str]:
    """The files that an image consists of, that with the header first.

    Raises:
        FileNotFoundError: when the other file of a pair does not exist.
    """
    packed = path[-3:] if path.lower().endswith(".gz") else ""
    stem = Path(path[: len(path) - len(packed)])
    ending = stem.suffix.lower()
    if ending == ".nhdr":
        return [file for file in (path, nrrd_data_file(path)) if file is not None]
    if ending not in PAIRS:
        return [path]
    other = PAIRS[ending].upper() if stem.suffix.isupper() else PAIRS[ending]
    found = [str(stem.with_suffix(other)) + end for end in (packed, "", ".gz")]
    partner = next((name for name in found if Path(name).is_file()), None)
    if partner is None:
        raise FileNotFoundError(2, "the other file of a pair", found[0])
    return [path, partner] if ending == ".hdr" else [partner, path]


def _open(path: str, head: FileBytes, body: FileBytes) -> Volume:
    header: Any
    if is_nrrd(path):
        header, geometry = open_nrrd(head)
        shape, dtype = tuple(map(int, header["sizes"])), nrrd_dtype(header)
        return Volume(path, shape, geometry, dtype, header, partial(read_nrrd, header, body, body is head))
    header, geometry = open_mgh(head) if path.lower().endswith(MGH) else open_nifti(head)
    shape = tuple(map(int, header.get_data_shape()))
    return Volume(path, shape, geometry, header.get_data_dtype(), header, partial(read_nifti, header, body))


def _kind(path: str) -> str:
    return "NRRD" if is_nrrd(path) else "MGZ" if path.lower().endswith(MGH) else "NIfTI"


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
