"""What results are called: as their inputs, and each by a name of its own."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from monai.data import FolderLayoutBase

from ..._atomic_files import make_folder
from ..._paths import path_argument
from .._cases import case_name, image_files
from ._volumes import is_nifti

__all__ = ["InputNameLayout"]


class InputNameLayout(FolderLayoutBase):
    """Folder layout of ``monai.transforms.SaveImage`` that keeps the input's file name, its ending included.

    Where several cases would get the same file, as ``a/scan.nii.gz`` and ``b/scan.nii.gz`` of a datalist, the names of
    their folders come before theirs: ``a_scan.nii.gz`` and ``b_scan.nii.gz``. Of one folder's ``scan.nrrd`` and
    ``scan.mgz``, both NIfTI as results, the endings tell: ``scan_nrrd.nii.gz``.

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
        self.postfix = f"_{postfix}" if postfix else ""
        self.names = _own_names({image_files(case)[0]: str(case.get("case") or "") for case in cases})

    def target(self, subject: str | PathLike[str]) -> Path:
        """Path for the result of the image file ``subject``; not NIfTI, it becomes ``.nii.gz``."""
        source = Path(subject)
        name = self.names.get(str(subject), case_name(source))
        return self.output_dir / f"{name}{self.postfix}{_ending(source)}"

    def filename(self, subject: str | PathLike[str] = "image", **_: Any) -> Path:
        """:meth:`target`, and its folder is there.

        Raises:
            ValueError: when that is the input itself.
            OutputError: when the folder cannot be made.
        """
        target = self.target(subject)
        if target.resolve() == Path(subject).resolve():
            raise ValueError(f"output_dir='{self.output_dir}' holds the image '{subject}': use another folder")
        make_folder(self.output_dir)
        return target


def _ending(source: Path) -> str:
    return source.name[len(case_name(source)) :] if is_nifti(source) else ".nii.gz"


def _own_names(names: Mapping[str, str]) -> dict[str, str]:
    """Names by image file, no two of which give one result; a name that is empty is the file's."""
    wanted = {file: name or case_name(file) for file, name in names.items()}
    groups: dict[str, list[str]] = defaultdict(list)
    for file, name in wanted.items():
        groups[_key(file, name)].append(file)
    taken = {key for key, files in groups.items() if len(files) == 1}
    for files in groups.values():
        if len(files) == 1:
            continue
        for found in _variants(files, wanted):
            keys = {_key(file, name) for file, name in found.items()}
            if len(keys) == len(files) and not keys & taken:
                taken |= keys
                wanted |= found
                break
    return wanted


def _variants(files: Sequence[str], names: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Names for files that have the same one, longer from one to the next."""
    places = {file: Path(file).resolve() for file in files}
    if len({place.parent for place in places.values()}) < len(files):
        endings = {file: place.name[len(case_name(place)) :].replace(".", "_") for file, place in places.items()}
        names = {file: names[file] + endings[file] for file in files}
        yield dict(names)
    for depth in range(1, max(len(place.parts) for place in places.values())):
        yield {file: "_".join([*place.parts[1:-1][-depth:], names[file]]) for file, place in places.items()}
    count = 0
    while True:  # folders named so that all of that is the same once more
        count += 1
        yield {file: f"{names[file]}_{count}_{index}" for index, file in enumerate(files)}


def _key(file: str, name: str) -> str:
    return f"{name}{_ending(Path(file))}".casefold()  # some disks do not tell A from a
