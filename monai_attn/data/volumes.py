"""Open an image file and say what is wrong with it."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

__all__ = ["Volume", "open_volume"]

NRRD = (".nrrd",)


@dataclass
class Volume:
    """Header of an image file, and a way to its voxels.

    Attributes:
        path: the file.
        shape: as stored, spatial axes first.
        affine: (4, 4), from voxels to mm in RAS.
        dtype: of the values as stored.
        scaled: whether the header scales the stored values.
        source: what the voxels are read from.
    """

    path: str
    shape: tuple[int, ...]
    affine: NDArray[np.float64]
    dtype: np.dtype[Any]
    scaled: bool
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
        """
        try:
            return np.asanyarray(self.source.dataobj if isinstance(self.source, SpatialImage) else self.source)
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
    if Path(path).suffix.lower() in NRRD:
        volume = _open_nrrd(path)
    else:
        try:
            image: Any = nib.load(path)
        except Exception as error:  # nibabel lets through whatever gzip, struct or numpy raise on a damaged header
            raise ValueError(
                f"'{path}' cannot be read as {_kind(path)} ({_reason(error)}): replace the file"
            ) from error
        if not isinstance(image, SpatialImage):
            raise ValueError(f"'{path}' is not an image but {type(image).__name__}: replace the file")
        slope = getattr(image.dataobj, "slope", 1) if hasattr(image.dataobj, "slope") else 1
        affine = np.eye(4) if image.affine is None else np.asarray(image.affine, float)
        volume = Volume(path, tuple(image.shape), affine, image.get_data_dtype(), slope not in (None, 1), image)
    if volume.dtype.kind not in "iuf":
        raise ValueError(f"'{path}' has voxels of type {volume.dtype}, not numbers: convert it to one number a voxel")
    return volume


def _open_nrrd(path: str) -> Volume:
    from monai.data import NrrdReader
    from monai.transforms import LoadImage

    try:
        image: Any = LoadImage(NrrdReader(), image_only=True)(path)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"'{path}' needs pynrrd: pip install 'monai-attn[nrrd]'") from error
    except Exception as error:
        raise ValueError(f"'{path}' cannot be read as NRRD ({_reason(error)}): replace the file") from error
    array = image.numpy()
    return Volume(path, array.shape, np.asarray(image.affine, float), array.dtype, False, array)


def _kind(path: str) -> str:
    return "MGZ" if path.lower().endswith((".mgz", ".mgh")) else "NIfTI"


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
