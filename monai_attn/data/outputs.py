"""Results look like their inputs: name, shape, place."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from monai.data import FolderLayoutBase, NibabelWriter

from ..paths import path_argument
from .cases import case_name, image_files
from .volumes import is_nifti, open_volume

__all__ = ["InputGridWriter", "InputNameLayout"]


class InputNameLayout(FolderLayoutBase):
    """Folder layout of ``monai.transforms.SaveImage`` that keeps the input's file name, its ending included.

    Args:
        output_dir: folder of all outputs, made when the first one is written.
        cases: as :func:`find_cases` returns them; a result gets its case's name, which for one file is the file's
            unless a datalist says otherwise.
        postfix: put behind the name, after an underscore.
    """

    def __init__(
        self, output_dir: str | PathLike[str], cases: Sequence[Mapping[str, Any]] = (), postfix: str = ""
    ) -> None:
        self.output_dir = path_argument("output_dir", output_dir)
        self.names = {image_files(case)[0]: case["case"] for case in cases}
        self.postfix = f"_{postfix}" if postfix else ""

    def filename(self, subject: str | PathLike[str] = "image", **_: Any) -> Path:
        """Path for the result of the image file ``subject``; not NIfTI, it becomes ``.nii.gz``.

        Raises:
            ValueError: when that is the input itself.
        """
        source = Path(subject)
        ending = source.name[len(case_name(source)) :] if is_nifti(source) else ".nii.gz"
        name = self.names.get(str(subject), case_name(source))
        target = self.output_dir / f"{name}{self.postfix}{ending}"
        if target.resolve() == source.resolve():
            raise ValueError(f"output_dir='{self.output_dir}' holds the image '{source}': use another folder")
        self.output_dir.mkdir(parents=True, exist_ok=True)
        return target


class InputGridWriter(NibabelWriter):
    """Writer of ``monai.transforms.SaveImage`` for label or probability maps on their input's grid.

    MONAI's own drops axes of length 1 at the end and sets the header's codes anew. This one takes shape, affine, codes
    and units from the input file's header; what the header says of intensities, and its extensions, stay behind. For an
    input that is not NIfTI it writes NIfTI of the same shape and affine, in mm.
    """

    def set_data_array(self, data_array: Any, *_: Any, **__: Any) -> None:
        """Take maps, shape (C, H, W[, D]); several channels become a fourth axis behind."""
        self.data_obj = np.asarray(data_array)

    def set_metadata(self, meta_dict: Any, *_: Any, **__: Any) -> None:
        """Remember the input file, MONAI's ``filename_or_obj``."""
        self.source = str(meta_dict["filename_or_obj"])

    def write(self, filename: str | PathLike[str], *_: Any, **__: Any) -> None:
        """Write the maps to ``filename``."""
        if not is_nifti(self.source):
            volume = open_volume(self.source)
            self._save(nib.Nifti1Image, volume.shape, volume.affine, None, filename)
            return
        source: Any = nib.load(self.source)
        kind: Any = nib.Nifti2Image if isinstance(source, nib.Nifti2Image) else nib.Nifti1Image
        header: Any = kind.header_class.from_header(source.header)
        header.set_data_dtype(self.output_dtype)
        header.extensions.clear()
        header["cal_min"] = header["cal_max"] = 0
        header["descrip"] = header["aux_file"] = header["intent_name"] = b""
        self._save(kind, source.shape, None, header, filename)

    def _save(self, kind: Any, shape: tuple[int, ...], affine: Any, header: Any, filename: str | PathLike[str]) -> None:
        maps = np.asarray(self.data_obj).astype(self.output_dtype)
        grid = shape if maps[0].size == np.prod(shape) else shape[:3]  # no channels of the image
        if len(maps) > 1:
            grid = (*(*grid, 1)[:3], len(maps))
        image = kind(np.moveaxis(maps, 0, -1).reshape(grid), affine, header)
        if header is None:
            image.set_qform(affine, code="scanner")
            image.header.set_xyzt_units("mm")
        nib.save(image, filename)
