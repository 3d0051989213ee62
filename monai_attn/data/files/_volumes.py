"""Open an image file and say what is wrong with it."""

import gzip
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from monai.data.utils import to_affine_nd
from nibabel.openers import ImageOpener
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

from ._reader import VolumeReader, is_nrrd

__all__ = ["Volume", "is_nifti", "open_volume"]

MAGIC = {  # how files of other kinds begin
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"II*\0": "a TIFF picture",
    b"PK": "a zip archive",
    b"%PDF": "a PDF document",
    b"NRRD": "a NRRD file",
    b"<": "a web page",
    b"{": "a JSON file",
}
GZIP = b"\x1f\x8b"


@dataclass
class Volume:
    """Header of an image file, and a way to its voxels.

    Attributes:
        path: the file.
        shape: as stored, spatial axes first.
        affine: (4, 4), from voxels to mm in RAS.
        dtype: of the values as stored.
        zooms: spacing in mm as the header itself states it, by axis; empty where only the affine does.
        source: what the voxels are read from.
    """

    path: str
    shape: tuple[int, ...]
    affine: NDArray[np.float64]
    dtype: np.dtype[Any]
    zooms: tuple[float, ...]
    source: Any

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
        """All values.

        Raises:
            ValueError: when the file ends early or is damaged.
            MemoryError: when they are too many.
        """
        try:
            return np.asanyarray(self.source.dataobj if isinstance(self.source, SpatialImage) else self.source)
        except MemoryError:  # nothing is wrong with the file
            raise
        except Exception as error:  # a file cut short behind a good header, in as many ways
            raise ValueError(
                f"'{self.path}' has damaged or missing voxels ({_reason(error)}): replace the file"
            ) from error


def open_volume(path: str | PathLike[str]) -> Volume:
    """Read a file's header: NIfTI, MGZ and what else nibabel reads, and NRRD.

    Raises:
        ValueError: when it cannot be read, or holds no numbers.
    """
    path = str(path)
    try:
        volume = _open_nrrd(path) if is_nrrd(path) else _open_nibabel(path)
    except Exception as error:  # nibabel lets through whatever gzip, struct or numpy raise on a damaged header
        reason, cure = _other_kind(path) or _reason(error), "replace the file"
        raise ValueError(f"'{path}' cannot be read as {_kind(path)} ({reason}): {cure}") from error
    if volume.dtype.kind not in "iuf":
        raise ValueError(f"'{path}' has voxels of type {volume.dtype}, not numbers: convert it to one number a voxel")
    return volume


def is_nifti(path: str | PathLike[str]) -> bool:
    """Whether a file is NIfTI by its ending."""
    return _kind(str(path)) == "NIfTI"


def _open_nibabel(path: str) -> Volume:
    image: Any = nib.load(path)
    if not isinstance(image, SpatialImage):
        raise ValueError(f"it is not an image but {type(image).__name__}")
    affine = np.eye(4) if image.affine is None else np.asarray(image.affine, float)
    zooms: tuple[float, ...] = ()
    if isinstance(image, nib.Nifti1Pair):
        with ImageOpener(path) as file:  # nibabel's own header has a 0 mended to 1
            kind: Any = type(image.header)
            header = kind.from_fileobj(file, check=False)
        zooms = tuple(float(size) for size in header["pixdim"][1 : 1 + min(3, image.ndim)])
    return Volume(path, tuple(map(int, image.shape)), affine, image.get_data_dtype(), zooms, image)


def _open_nrrd(path: str) -> Volume:
    reader = VolumeReader()
    array, meta = reader.get_data(reader.read(path))
    affine = np.asarray(to_affine_nd(3, np.asarray(meta["affine"], float)), float)
    return Volume(path, tuple(map(int, array.shape)), affine, array.dtype, (), array)


def _kind(path: str) -> str:
    return "NRRD" if is_nrrd(path) else "MGZ" if path.lower().endswith((".mgz", ".mgh")) else "NIfTI"


def _other_kind(path: str) -> str | None:
    """What a file is by its first bytes if it is not what its ending says, as far as they tell."""
    try:
        with Path(path).open("rb") as file:
            start = file.read(348)
        if not start:
            return "it is empty, 0 bytes"
        packed = start.startswith(GZIP)
        if packed != path.lower().endswith((".gz", ".mgz")) and not is_nrrd(path):
            if packed:
                return f"it is compressed, and should be called {Path(path).name}.gz"
            if start[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c"):  # 348, a NIfTI header's size
                return "it is not compressed, and should be called .nii"
        if packed:
            with gzip.open(path) as file:
                start = file.read(348)
    except (OSError, EOFError):
        return None
    if start[128:132] == b"DICM":
        return "it is a DICOM file"
    kind = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), None)
    return None if kind is None or (is_nrrd(path) and "NRRD" in kind) else f"it is {kind}"


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
