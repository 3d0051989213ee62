"""Find the cases in a folder; images and labels are paired by name, never by sort order."""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path

__all__ = ["case_name", "find_cases"]

SUFFIXES = (".nii.gz", ".nii")
LABEL_FOLDERS = {"imagesTr": "labelsTr", "images": "labels"}
IMAGE_FOLDERS = ("imagesTr", "imagesTs", "images")


def case_name(path: str | PathLike[str]) -> str:
    """File name without folder and NIfTI ending: ``imagesTr/scan.1.nii.gz`` -> ``scan.1``."""
    name = Path(path).name
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def find_cases(dataset_dir: str | PathLike[str], labelled: bool = False) -> list[dict[str, str]]:
    """List the cases of a folder.

    Labelled cases come from ``imagesTr/`` with ``labelsTr/`` (the layout of the Medical Segmentation Decathlon) or
    ``images/`` with ``labels/``; a label carries its image's name. Images alone come from these, from ``imagesTs/``,
    and from the folder itself; ``dataset_dir`` may also be one image file. Hidden files are passed over.

    Args:
        dataset_dir: folder of the data set. A number is taken as a name (MONAI's command line makes 2024 an ``int``).
        labelled: whether labels are wanted.

    Returns:
        one dict for each case, sorted by name: ``case`` (name), ``image`` (path) and, where ``labelled`` is set and the
        file exists, ``label`` (path). Empty where there is nothing; :func:`check_cases` says why.
    """
    root = Path(str(dataset_dir))
    cases = []
    for folder in LABEL_FOLDERS if labelled else (*IMAGE_FOLDERS, "."):
        labels = {case_name(path): path for path in _nifti_files(root / LABEL_FOLDERS[folder])} if labelled else {}
        for image in _nifti_files(root / folder):
            case = {"case": case_name(image), "image": str(image)}
            if case["case"] in labels:
                case["label"] = str(labels[case["case"]])
            cases.append(case)
    return sorted(cases, key=lambda case: (case["case"], case["image"]))


def _nifti_files(path: Path) -> Iterator[Path]:
    candidates = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in candidates:
        if file.name.lower().endswith(SUFFIXES) and not file.name.startswith(".") and file.is_file():
            yield file
