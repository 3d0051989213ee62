"""Find the cases of a data set; images and labels are paired by name, never by sort order."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from .._paths import path_argument
from ._channels import join_channels, name_channels, number_channels
from ._datalist import datalist_file, read_datalist
from ._passed_over import drop_results, walk_folders, warn_passed_over

__all__ = ["case_name", "find_cases", "find_channel_names", "image_files", "named_case"]

logger = logging.getLogger(__name__)

SUFFIXES = (".nii.gz", ".nii", ".hdr.gz", ".hdr", ".nrrd", ".nhdr", ".mgz", ".mgh")  # of pairs, the header
PAIRED = (".img.gz", ".img")  # the other file of a pair, which may be named instead
LABEL_FOLDERS = {"imagesTr": "labelsTr", "images": "labels"}
IMAGE_FOLDERS = ("imagesTr", "imagesTs", "images")


def case_name(path: str | PathLike[str]) -> str:
    """File name without folder and ending: ``imagesTr/scan.1.nii.gz`` -> ``scan.1``."""
    name = Path(path).name
    for suffix in (*SUFFIXES, *PAIRED):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def find_cases(
    dataset_dir: str | PathLike[str],
    labelled: bool = False,
    in_channels: int = 1,
    channel_names: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """List the cases of a data set, in whichever of the usual layouts it has.

    - A datalist, ``{"training": [{"image": ..., "label": ...}, ...]}``: ``dataset_dir`` is that JSON file, or a folder
      with it as ``dataset.json`` (as in the Medical Segmentation Decathlon) or ``datalist.json``. Paths in it start
      from its folder. ``image`` may be a list, one file for each channel.
    - ``imagesTr/`` with ``labelsTr/``, or ``images/`` with ``labels/``: a label carries its image's name. Where all its
      images have more behind that name, ``brain_T1, brain_T2`` for ``brain``, or nnU-Net's ``brain_0000, brain_0001``,
      they are the channels of one case, in the order of their names.
    - Images alone come from all lists of a datalist, or from these folders, ``imagesTs/`` and the folder itself; where
      these have none, from all folders below it but ``labels*``. ``dataset_dir`` may also be one image file.

    Files are NIfTI, NRRD or MGZ. Hidden files are passed over, and so are results of this package among images, told by
    their headers. Links to folders are followed.

    Args:
        dataset_dir: folder or file.
        labelled: whether labels are wanted.
        in_channels: channels that the network takes; images without labels are joined by number only if several.
        channel_names: endings of the images' names, in the channels' order, where they are known beforehand.

    Returns:
        one dict for each case, sorted by name: ``case`` (name), ``image`` (path, or list of paths by channel), where
        ``labelled`` is set and the file exists ``label`` (path), and what else a datalist has for it, such as ``fold``
        or ``patient``. A channel that is missing is listed nevertheless. Empty where there is nothing;
        :func:`require_cases` says why.

    Raises:
        ValueError: on a datalist that cannot be read.
    """
    root = path_argument("dataset_dir", dataset_dir)
    folders = tuple(LABEL_FOLDERS) if labelled else (*IMAGE_FOLDERS, ".")
    cases = [case for folder in folders for case in _folder_cases(root, folder, labelled, in_channels, channel_names)]
    datalist = datalist_file(root)
    if not (labelled or cases or datalist):  # perhaps a folder for each patient
        below = sorted(_folders_below(root))
        cases = [case for folder in below for case in _folder_cases(root, folder, False, in_channels, channel_names)]
    if datalist is not None:
        cases = _listed_cases(datalist, labelled, cases, in_channels, channel_names is not None)
    warn_passed_over(root)
    return sorted(cases, key=lambda case: (case["case"], str(case["image"])))


def find_channel_names(dataset_dir: str | PathLike[str]) -> list[str]:
    """Endings of the images' names by which channels are told apart in a labelled folder; empty where none are."""
    root = path_argument("dataset_dir", dataset_dir)
    if datalist_file(root) is not None:
        return []
    return [
        name
        for images, labels in LABEL_FOLDERS.items()
        for name in name_channels(_names(root / images), _names(root / labels))
    ]


def image_files(case: Mapping[str, Any]) -> list[str]:
    """Paths of a case's images, one for each channel or one for all."""
    images = case["image"]
    return [str(images)] if isinstance(images, str | PathLike) else [str(path) for path in images]


def named_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """A case with a name under ``case``: its own, or that of its image; of its label for a list of images."""
    if case.get("case"):
        return dict(case)
    joined = not isinstance(case["image"], str | PathLike) and "label" in case  # not named after one of its channels
    return {**case, "case": case_name(case["label"] if joined else image_files(case)[0])}


def _listed_cases(
    datalist: Path, labelled: bool, beside: list[dict[str, Any]], in_channels: int, named: bool
) -> list[dict[str, Any]]:
    """Cases of a datalist; of the files beside it that it does not list, images to segment are taken, too."""
    cases = read_datalist(datalist, labelled)
    for case in cases:
        case["case"] = str(named_case(case)["case"])
        if not labelled:
            case.pop("label", None)
    listed = {Path(file).resolve() for case in cases for file in image_files(case)}
    others = [case for case in beside if not listed & {Path(file).resolve() for file in image_files(case)}]
    if not labelled and (in_channels == 1 or named):
        cases += others
    elif others:
        logger.warning("%d image(s) beside '%s' are not in it; they are left out", len(others), datalist)
    return cases


def _folder_cases(
    root: Path, folder: str, labelled: bool, in_channels: int, channel_names: Sequence[str] | None
) -> Iterator[dict[str, Any]]:
    files = list(drop_results(_image_files(root / folder), folder))
    images = {case_name(path): path for path in files}
    labels = {case_name(path): str(path) for path in _image_files(root / LABEL_FOLDERS[folder])} if labelled else {}
    names = channel_names
    if names is None:
        numbers = number_channels(in_channels) if in_channels > 1 else []
        names = name_channels(images, labels, in_channels) if labelled else numbers
    channels = join_channels({name: path for name, path in images.items() if name not in labels}, names)
    joined = {path for paths in channels.values() for path in paths}
    wholes = [(case_name(path), [path]) for path in files if path not in joined]
    for name, paths in [*wholes, *channels.items()]:
        case: dict[str, Any] = {"case": name, "image": str(paths[0]) if len(paths) == 1 else list(map(str, paths))}
        yield {**case, "label": labels[name]} if name in labels else case
    nested = (
        [
            name
            for below, names in walk_folders(root / folder)
            if folder != "." and below != root / folder
            for name in names
            if name.lower().endswith(SUFFIXES)
        ]
        if labelled
        else []
    )
    if nested:
        logger.warning(
            "%d image(s) in folders below '%s' were passed over: put them into it, or list them in a datalist",
            len(nested),
            folder,
        )
    lonely = set(labels) - set(images) - set(channels)
    if lonely:
        logger.warning(
            "%d label(s) in '%s' have no image: %s", len(lonely), LABEL_FOLDERS[folder], ", ".join(sorted(lonely)[:5])
        )


def _folders_below(root: Path) -> Iterator[str]:
    for folder, _ in walk_folders(root):
        place = folder.relative_to(root)
        if place.parts and not any(part.startswith("labels") for part in place.parts):
            yield str(place)


def _names(folder: Path) -> list[str]:
    return [case_name(path) for path in _image_files(folder)]


def _image_files(path: Path) -> list[Path]:
    candidates = sorted(path.iterdir()) if path.is_dir() else [path]
    return [
        file
        for file in candidates
        if file.name.lower().endswith(SUFFIXES)
        and not file.name.startswith(".")
        and (file.is_file() or (file.is_symlink() and not file.exists()))  # a link to nothing is to be named
    ]
