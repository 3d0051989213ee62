"""Find the cases of a data set; images and labels are paired by name, never by sort order."""

import logging
import re
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from ..paths import path_argument
from .datalist import datalist_file, read_datalist

__all__ = ["case_name", "find_cases", "image_files"]

logger = logging.getLogger(__name__)

SUFFIXES = (".nii.gz", ".nii")
LABEL_FOLDERS = {"imagesTr": "labelsTr", "images": "labels"}
IMAGE_FOLDERS = ("imagesTr", "imagesTs", "images")
CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")  # nnU-Net's: brain_0000.nii.gz, brain_0001.nii.gz


def case_name(path: str | PathLike[str]) -> str:
    """File name without folder and NIfTI ending: ``imagesTr/scan.1.nii.gz`` -> ``scan.1``."""
    name = Path(path).name
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def find_cases(dataset_dir: str | PathLike[str], labelled: bool = False, in_channels: int = 1) -> list[dict[str, Any]]:
    """List the cases of a data set, in whichever of the usual layouts it has.

    - A datalist, ``{"training": [{"image": ..., "label": ...}, ...]}``: ``dataset_dir`` is that JSON file, or a folder
      with it as ``dataset.json`` (as in the Medical Segmentation Decathlon) or ``datalist.json``. Paths in it start
      from its folder. ``image`` may be a list, one file for each channel.
    - ``imagesTr/`` with ``labelsTr/``, or ``images/`` with ``labels/``: a label carries its image's name. Where images
      end in ``_0000``, ``_0001``, ... (nnU-Net's convention) these are the channels of one case, and the label has the
      name without the number.
    - Images alone come from all lists of a datalist, or from these folders, ``imagesTs/`` and the folder itself;
      ``dataset_dir`` may also be one image file.

    Hidden files are passed over.

    Args:
        dataset_dir: folder or file.
        labelled: whether labels are wanted.
        in_channels: channels that the network takes; images without labels are joined by number only if several.

    Returns:
        one dict for each case, sorted by name: ``case`` (name), ``image`` (path, or list of paths by channel), where
        ``labelled`` is set and the file exists ``label`` (path), and what else a datalist has for it, such as ``fold``
        or ``patient``. A channel that is missing is listed nevertheless. Empty where there is nothing;
        :func:`check_cases` says why.

    Raises:
        ValueError: on a datalist that cannot be read.
    """
    root = path_argument("dataset_dir", dataset_dir)
    folders = tuple(LABEL_FOLDERS) if labelled else (*IMAGE_FOLDERS, ".")
    cases = [case for folder in folders for case in _folder_cases(root, folder, labelled, in_channels)]
    datalist = datalist_file(root)
    if datalist is not None:
        cases = _listed_cases(datalist, labelled, cases, in_channels)
    return sorted(cases, key=lambda case: (case["case"], str(case["image"])))


def image_files(case: Mapping[str, Any]) -> list[str]:
    """Paths of a case's images, one for each channel or one for all."""
    return [case["image"]] if isinstance(case["image"], str) else list(case["image"])


def _listed_cases(
    datalist: Path, labelled: bool, beside: list[dict[str, Any]], in_channels: int
) -> list[dict[str, Any]]:
    """Cases of a datalist; of the files beside it that it does not list, images to segment are taken, too."""
    cases = read_datalist(datalist, labelled)
    for case in cases:
        joined = isinstance(case["image"], list) and "label" in case  # named after the label, not after one channel
        case["case"] = str(case.get("case", case_name(case["label"] if joined else image_files(case)[0])))
        if not labelled:
            case.pop("label", None)
    listed = {Path(file).resolve() for case in cases for file in image_files(case)}
    others = [case for case in beside if not listed & {Path(file).resolve() for file in image_files(case)}]
    if not labelled and in_channels == 1:
        cases += others
    elif others:
        logger.warning("%d image(s) beside '%s' are not in it; they are left out", len(others), datalist)
    return cases


def _folder_cases(root: Path, folder: str, labelled: bool, in_channels: int) -> Iterator[dict[str, Any]]:
    labels = {case_name(path): str(path) for path in _nifti_files(root / LABEL_FOLDERS[folder])} if labelled else {}
    images = {case_name(path): path for path in _nifti_files(root / folder)}
    matches = {name: CHANNEL.fullmatch(name) for name in images if name not in labels}
    joined = any(match and match["case"] in labels for match in matches.values()) if labelled else in_channels > 1
    channels: dict[str, dict[int, Path]] = {}
    for image in _nifti_files(root / folder):
        name = case_name(image)
        numbered = matches.get(name)
        if numbered and joined:
            channels.setdefault(numbered["case"], {})[int(numbered["channel"])] = image
        else:
            case = {"case": name, "image": str(image)}
            yield {**case, "label": labels[name]} if name in labels else case
    count = max([in_channels, *(max(files) + 1 for files in channels.values())])
    for name, files in channels.items():
        like = next(iter(files.values()))
        suffix = like.name[len(case_name(like)) :]
        paths = [str(files.get(k, like.with_name(f"{name}_{k:04d}{suffix}"))) for k in range(count)]
        whole: dict[str, Any] = {"case": name, "image": paths if count > 1 else paths[0]}
        yield {**whole, "label": labels[name]} if name in labels else whole
    lonely = set(labels) - set(images) - set(channels)
    if lonely:
        logger.warning("%d label(s) in '%s' have no image: %s", len(lonely), folder, ", ".join(sorted(lonely)[:5]))


def _nifti_files(path: Path) -> Iterator[Path]:
    candidates = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in candidates:
        if file.name.lower().endswith(SUFFIXES) and not file.name.startswith(".") and file.is_file():
            yield file
