"""Name outputs after their inputs."""

from os import PathLike
from pathlib import Path
from typing import Any

from monai.data import FolderLayoutBase

from .cases import SUFFIXES, case_name

__all__ = ["InputNameLayout"]


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
