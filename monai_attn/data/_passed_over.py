"""Files that look like images and are no cases: said once, with their number and what to do."""

import gzip
import logging
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from .._shown_names import printable

__all__ = ["RESULT", "drop_results", "explain_passed_over", "is_result", "walk_folders", "warn_passed_over"]

DICOM = "DICOM files"
KINDS = {  # by the end of a name
    **dict.fromkeys((".dcm", ".dicom", ".ima"), DICOM),
    **dict.fromkeys((".mha", ".mhd"), "MetaImage files (.mha, .mhd)"),
    **dict.fromkeys((".nii.bz2", ".nii.xz", ".nii.zst", ".nii.zip"), "NIfTI files in another archive than .gz"),
    **dict.fromkeys((".mnc", ".gipl", ".par", ".vtk", ".vti"), "images in other formats (.mnc, .gipl, .par, .vtk)"),
}
RESULT = b"monai-attn result"  # the description in a result's header
NIFTI1_DESCRIPTION, NIFTI2_DESCRIPTION = 148, 240  # where it stands
TRIED = 20  # files of a folder that are opened; the others are taken for the same
CURES = {DICOM: "convert them with dcm2niix"}
CURE = "convert them to NIfTI, with 3D Slicer or SimpleITK for instance"

logger = logging.getLogger(__name__)
_said: set[str] = set()


def walk_folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder below ``root``, itself first, through links as well, each once; and the names of its files.

    Hidden folders are left out.
    """
    seen: set[str] = set()
    for folder, below, names in os.walk(root, followlinks=True):
        place = os.path.realpath(folder)
        if place in seen:  # a link back would not end
            below.clear()
            continue
        seen.add(place)
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield Path(folder), names


def explain_passed_over(root: Path) -> list[str]:
    """One line for each kind of files in a data set that nothing here reads; nobody is told of these again."""
    counts: Counter[str] = Counter()
    for folder, names in walk_folders(root) if root.is_dir() else ():
        counts.update(kind for name in names for end, kind in KINDS.items() if name.lower().endswith(end))
        bare = [name for name in names if not Path(name).suffix or Path(name).suffix[1:].isdigit()]
        some = [name for name in bare[:TRIED] if _is_dicom(folder / name)]  # as scanners export a series, without ends
        if some:
            counts[DICOM] += len(some) + len(bare[TRIED:])
    texts = [
        f"{count} {kind} in '{printable(str(root))}' were passed over: {CURES.get(kind, CURE)}"
        for kind, count in counts.items()
    ]
    _said.update(texts)
    return texts


def warn_passed_over(root: Path) -> None:
    """Log what :func:`explain_passed_over` says, unless somebody was told."""
    told = set(_said)
    for text in explain_passed_over(root):
        if text not in told:
            logger.warning("%s", text)


def drop_results(files: Iterable[Path], folder: str) -> Iterator[Path]:
    """Images that are not label maps or probabilities which this package wrote, wherever they lie."""
    count = 0
    for file in files:
        if is_result(file):
            count += 1
        else:
            yield file
    if count:
        logger.info("%d result(s) of earlier runs in '%s' are not taken for images", count, folder)


def is_result(path: Path) -> bool:
    """Whether a NIfTI file says in its header that :class:`monai_attn.data.InputGridWriter` wrote it."""
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            start = file.read(NIFTI2_DESCRIPTION + len(RESULT))
    except (OSError, EOFError, zlib.error):  # said where the file is read
        return False
    places = (NIFTI1_DESCRIPTION, NIFTI2_DESCRIPTION)
    return any(start[place : place + len(RESULT)] == RESULT for place in places)


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
