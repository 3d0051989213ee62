"""MONAI's way to open files, over the one that everything here takes."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from monai.data import ImageReader
from monai.data.utils import is_supported_format
from monai.utils import MetaKeys, SpaceKeys, ensure_tuple

from .._cases import PAIRED, SUFFIXES
from ._faults import find_channel_faults, value_fault, warn_once
from ._volumes import open_volume

__all__ = ["VolumeReader"]

Paths = Sequence[str | PathLike[str]] | str | PathLike[str]


class VolumeReader(ImageReader):
    """Reader of ``monai.transforms.LoadImaged`` for NIfTI, MGZ and NRRD, in mm and RAS throughout.

    It takes header and voxels from the same call as the checks, and refuses in the same words what they refuse: a place
    that is none, or two places in one header, channels that do not fit together, damaged files, voxels that are NaN,
    infinite or beyond the range of 32-bit floats. What a header leaves open, such as where left is, goes to the log
    once. MONAI's own reader replaces the sform by the qform where the spacing in the header is off by 0.00001 mm, also
    where there is no qform.

    Nothing is kept in the reader between :meth:`read` and :meth:`get_data`, so that several threads may share it.

    Args:
        check_geometry: whether to refuse a file for what its header says of its place; ``False`` for labels that get
            their image's affine, see :class:`monai_attn.data.TrustImageHeaderd`.
    """

    def __init__(self, check_geometry: bool = True) -> None:
        super().__init__()
        self.check_geometry = check_geometry

    def verify_suffix(self, filename: Paths) -> bool:
        """Whether all of these files have one of the endings."""
        return bool(is_supported_format(filename, [ending[1:] for ending in (*SUFFIXES, *PAIRED)]))

    def read(self, data: Paths, **_: Any) -> tuple[str, ...]:
        """Note which file to open, or which ones for the channels of one case.

        They are opened in :meth:`get_data`: MONAI takes an exception from here for a sign that another reader may do.
        """
        return tuple(str(path) for path in ensure_tuple(data))

    def get_data(self, img: tuple[str, ...]) -> tuple[np.ndarray, dict[str, Any]]:
        """Voxels and metadata, among them the affine from voxels to mm in RAS.

        Args:
            img: what :meth:`read` gave.

        Returns:
            array of shape (H, W[, D][, C]), or (C, H, W[, D]) from several files, and MONAI's keys for it.

        Raises:
            FileNotFoundError: when a file does not exist.
            ValueError: when it cannot be used.
        """
        volumes = [open_volume(path) for path in img]
        for fault in find_channel_faults(volumes, anywhere=not self.check_geometry):
            raise ValueError(fault)
        if self.check_geometry:
            warn_once(f"'{volume.path}' {doubt}" for volume in volumes for doubt in volume.geometry.doubts)
        arrays = []
        for volume in volumes:
            values = volume.voxels()
            fault_of_values = value_fault(volume, values)
            if fault_of_values:
                raise ValueError(fault_of_values)
            arrays.append(values)
        first = volumes[0]
        stacked = len(arrays) > 1
        array = np.stack([values.reshape(first.spatial_shape) for values in arrays]) if stacked else arrays[0]
        channel_dim = 0 if stacked else -1 if len(first.shape) > 3 else float("nan")
        meta: dict[str, Any] = {
            MetaKeys.AFFINE: first.affine.copy(),
            MetaKeys.ORIGINAL_AFFINE: first.affine.copy(),
            MetaKeys.SPATIAL_SHAPE: np.array(first.spatial_shape),
            MetaKeys.ORIGINAL_CHANNEL_DIM: channel_dim,
            MetaKeys.SPACE: SpaceKeys.RAS,
        }
        return array, meta
