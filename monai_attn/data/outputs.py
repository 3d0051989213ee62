"""Results look like their inputs: name, shape, place."""

from os import PathLike
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from monai.data import FolderLayoutBase, NibabelWriter

from .cases import SUFFIXES, case_name

__all__ = ["InputGridWriter", "InputNameLayout"]


class InputNameLayout(FolderLayoutBase):
    """Folder layout of ``monai.transforms.SaveImage`` that keeps the input's file name, its ending included.

    Args:
        output_dir: folder of all outputs, made when the first one is written.
    """

    def __init__(self, output_dir: str | PathLike[str]) -> None:
        self.output_dir = Path(str(output_dir))

    def filename(self, subject: str | PathLike[str] = "image", **_: Any) -> Path:
        """Path for the result of the image file ``subject``; not NIfTI, it becomes ``.nii.gz``.

        Raises:
            ValueError: when that is the input itself.
        """
        source = Path(subject)
        name = source.name if source.name.lower().endswith(SUFFIXES) else f"{case_name(source)}.nii.gz"
        target = self.output_dir / name
        if target.resolve() == source.resolve():
            raise ValueError(f"output_dir='{self.output_dir}' holds the image '{source}': use another folder")
        self.output_dir.mkdir(parents=True, exist_ok=True)
        return target


class InputGridWriter(NibabelWriter):
    """Writer of ``monai.transforms.SaveImage`` for a label map on its input's grid.

    MONAI's own drops axes of length 1 at the end and sets the header's codes anew. This one takes shape, affine, codes
    and units from the input file's header; what the header says of intensities, and its extensions, stay behind.
    """

    def set_data_array(self, data_array: Any, *_: Any, **__: Any) -> None:
        """Take a label map, shape (1, H, W[, D])."""
        self.data_obj = np.asarray(data_array)

    def set_metadata(self, meta_dict: Any, *_: Any, **__: Any) -> None:
        """Remember the input file, MONAI's ``filename_or_obj``."""
        self.source = str(meta_dict["filename_or_obj"])

    def write(self, filename: str | PathLike[str], *_: Any, **__: Any) -> None:
        """Write the label map to ``filename``."""
        source: Any = nib.load(self.source)
        kind: Any = nib.Nifti2Image if isinstance(source, nib.Nifti2Image) else nib.Nifti1Image
        header: Any = kind.header_class.from_header(source.header)
        header.set_data_dtype(self.output_dtype)
        header.extensions.clear()
        header["cal_min"] = header["cal_max"] = 0
        header["descrip"] = header["aux_file"] = header["intent_name"] = b""
        labels = np.asarray(self.data_obj).astype(self.output_dtype).reshape(source.shape)
        nib.save(kind(labels, None, header), filename)
