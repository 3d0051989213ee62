"""Read every kind of image file that a data set may have, in MONAI's transforms and in the checks alike."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from monai.data import ImageReader, NibabelReader, NrrdReader
from monai.data.utils import is_supported_format
from monai.utils import ensure_tuple

__all__ = ["NRRD", "VolumeReader", "is_nrrd"]

NRRD = (".nrrd",)
NIBABEL = (".nii.gz", ".nii", ".mgz", ".mgh")
SPACES = {"LPS": "left-posterior-superior", "RAS": "right-anterior-superior"}


def is_nrrd(path: str | PathLike[str]) -> bool:
    """Whether a file is NRRD by its ending."""
    return str(path).lower().endswith(NRRD)


class VolumeReader(ImageReader):
    """Reader of ``monai.transforms.LoadImaged`` for NIfTI and MGZ (by nibabel) and NRRD (by pynrrd).

    MONAI does not take MGZ for nibabel's by its ending, and a list of readers is tried one after the other, with a line
    in the log for each that fails. This one goes by the file's ending, and reads into RAS throughout.

    Each file is read by a reader of its own. MONAI's keep the names of the files between ``read`` and ``get_data``, so
    that two threads of a ``CacheDataset`` with one reader lose channels of an image without an error.
    """

    def verify_suffix(self, filename: Sequence[str | PathLike[str]] | str | PathLike[str]) -> bool:
        """Whether all of these files have one of the endings."""
        return bool(is_supported_format(filename, [ending[1:] for ending in (*NIBABEL, *NRRD)]))

    def read(self, data: Sequence[str | PathLike[str]] | str | PathLike[str], **options: Any) -> Any:
        """Open one file, or those of the channels of one case.

        Raises:
            ValueError: when NRRD stands beside other files, or does not say where its voxels lie.
        """
        paths = ensure_tuple(data)
        kinds = {is_nrrd(path) for path in paths}
        if len(kinds) > 1:
            raise ValueError(f"'{paths[0]}' and its other channels are of different formats: convert them to one")
        if kinds != {True}:
            nibabel = NibabelReader()
            return nibabel, nibabel.read(data, **options)
        nrrd = NrrdReader()
        images = nrrd.read(data, **options)
        for image in ensure_tuple(images) if not hasattr(images, "header") else (images,):
            _complete(image.header, image.array.ndim)
        return nrrd, images

    def get_data(self, img: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Voxels and metadata, among them the affine from voxels to mm in RAS."""
        reader, images = img
        array, meta = reader.get_data(images)
        return array, meta


def _complete(header: dict[str, Any], rank: int) -> None:
    """See that MONAI's reader can make an affine of a NRRD header; spell out names that it does not know."""
    space = header.get("space", SPACES["LPS"])
    header["space"] = space = SPACES.get(str(space).upper(), space)
    if space not in SPACES.values():
        raise ValueError(f"it lies in the space '{space}', not in LPS or RAS")
    directions, origin = header.get("space directions"), header.get("space origin")
    if directions is None or origin is None:
        raise ValueError("it has no 'space directions' and 'space origin', and so no place")
    if np.shape(directions) != (rank, rank) or rank not in (2, 3):
        raise ValueError(f"it has {rank} axes, of which {len(origin)} lie in space: write one value a voxel")
