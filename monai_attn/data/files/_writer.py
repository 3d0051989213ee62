"""Results lie on their input's grid, and each file is complete or absent."""

import gzip
import zlib
from collections.abc import Hashable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import nibabel as nib
import numpy as np
from monai.data import NibabelWriter
from monai.transforms import SaveImaged
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header

from ..._atomic_files import write_whole
from .._passed_over import RESULT
from ._faults import same_place
from ._nifti import data_end
from ._volumes import open_volume

__all__ = ["AtomicSaveImaged", "InputGridWriter", "is_finished", "label_dtype"]

BLOCK = 1 << 20  # bytes read at once


def label_dtype(num_classes: int) -> str:
    """The smallest unsigned integer that holds the labels 0 to ``num_classes - 1``."""
    return str(np.min_scalar_type(max(num_classes - 1, 0)))


class InputGridWriter(NibabelWriter):
    """Writer of ``monai.transforms.SaveImage`` for label or probability maps on their input's grid.

    MONAI's own drops axes of length 1 at the end and sets the header's codes anew. This one takes shape, affine, codes
    and units from the input file's header; what the header says of intensities, and its extensions, stay behind. For an
    input that is not NIfTI it writes NIfTI of the same shape and affine, in mm. A file is complete under its name or
    not there: until then it is hidden beside it, under another.

    Args:
        output_dtype: type of the values in the file.
        failures: list for the exceptions of :meth:`write`, of which ``SaveImage`` passes on but the text.
        options: further arguments of ``monai.data.NibabelWriter``.
    """

    def __init__(self, output_dtype: Any = np.float32, failures: list[Exception] | None = None, **options: Any) -> None:
        super().__init__(output_dtype=output_dtype, **options)
        self.failures = [] if failures is None else failures

    def set_data_array(self, data_array: Any, *_: Any, **__: Any) -> None:
        """Take maps, shape (C, H, W[, D]); several channels become a fourth axis behind."""
        self.data_obj = np.asarray(data_array)

    def set_metadata(self, meta_dict: Any, *_: Any, **__: Any) -> None:
        """Remember the input file, MONAI's ``filename_or_obj``."""
        self.source = str(meta_dict["filename_or_obj"])

    def write(self, filename: str | PathLike[str], *_: Any, **__: Any) -> None:
        """Write the maps to ``filename``.

        Raises:
            OutputError: when its folder does not take it.
        """
        try:
            self._save(Path(filename))
        except Exception as error:
            self.failures.append(error)
            raise

    def _save(self, target: Path) -> None:
        source = open_volume(self.source)
        maps = np.asarray(self.data_obj).astype(self.output_dtype)
        grid = source.shape if maps[0].size == np.prod(source.shape) else source.spatial_shape  # no image's channels
        if len(maps) > 1:
            grid = (*(*grid, 1)[:3], len(maps))
        array = np.moveaxis(maps, 0, -1).reshape(grid)
        if not isinstance(source.header, Nifti1Header):
            image: Any = nib.Nifti1Image(array, source.affine)  # type: ignore[no-untyped-call]
            image.set_qform(source.affine, code="scanner")
            image.header.set_xyzt_units("mm")
        else:
            kind: Any = nib.Nifti2Image if isinstance(source.header, Nifti2Header) else nib.Nifti1Image
            header = kind.header_class.from_header(source.header)
            header.set_data_dtype(self.output_dtype)
            header["cal_min"] = header["cal_max"] = 0
            header["aux_file"] = header["intent_name"] = b""
            image = kind(array, None, header)
        image.header["descrip"] = RESULT  # so that no later run takes it for an image
        _write(image, target)


class AtomicSaveImaged(SaveImaged):
    """``monai.transforms.SaveImaged`` with :class:`InputGridWriter`, whose exceptions stay what they are.

    MONAI makes a ``RuntimeError`` of each, in which a full disk looks like an odd image. Whoever goes on with the next
    case must tell them apart.

    Args:
        keys: maps to save, shape (C, H, W[, D]), with metadata.
        options: further arguments of ``monai.transforms.SaveImaged``, such as ``folder_layout`` and ``output_dtype``.
    """

    def __init__(self, keys: Any, **options: Any) -> None:
        super().__init__(keys, **{"writer": InputGridWriter, "print_log": False, **options})
        self.failures: list[Exception] = []
        self.saver.set_options(init_kwargs={"failures": self.failures})  # type: ignore[no-untyped-call]

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Save, and return ``data``.

        Raises:
            OutputError: when the folder does not take the files.
        """
        base: Any = super()
        self.failures.clear()
        try:
            return dict(base.__call__(data))
        except RuntimeError as error:
            if self.failures:
                raise self.failures[0] from error
            raise


def is_finished(target: Path, source: str | PathLike[str]) -> bool:
    """Whether a result is there, whole, and on its input's grid; the voxels are not looked at."""
    if not target.is_file():
        return False
    try:
        result, image = open_volume(target), open_volume(source)
        grids = [(*volume.spatial_shape, 1, 1)[:3] for volume in (result, image)]
        same = grids[0] == grids[1] and same_place(result, image)
        return bool(same and _content_size(target) >= data_end(result.header))
    except (OSError, EOFError, ValueError, zlib.error):  # damaged, or its input is, which is said elsewhere
        return False


def _content_size(path: Path) -> int:
    """Bytes in a file, unpacked; reading to the end verifies gzip's checksum."""
    if not path.name.lower().endswith(".gz"):
        return path.stat().st_size
    with gzip.open(path) as file:
        return sum(len(block) for block in iter(lambda: file.read(BLOCK), b""))


def _write(image: Any, target: Path) -> None:
    def write(file: BinaryIO) -> None:
        if not target.name.lower().endswith(".gz"):
            image.to_stream(file)
            return
        with gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed:  # nibabel's level
            image.to_stream(packed)

    write_whole(target, write)
