"""Check every case before anything is computed or written."""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from ..._paths import misread, path_argument
from .._cases import IMAGE_FOLDERS, LABEL_FOLDERS, SUFFIXES, case_name, image_files
from .._datalist import datalist_file
from ._across_cases import outside
from ._inspection import inspect_case, inspect_cases
from ._report import CaseFacts

__all__ = ["check_cases", "check_names", "image_problem", "network_problem", "why_empty"]


def check_cases(
    cases: list[dict[str, Any]],
    dataset_dir: str | PathLike[str],
    in_channels: int,
    spatial_dims: int,
    num_classes: int | None = None,
    stacks: bool = False,
    trust_image_header: bool = False,
) -> None:
    """Read every file and stop at the first case that the network cannot take.

    Args:
        cases: as :func:`find_cases` returns them.
        dataset_dir: the folder they come from.
        in_channels: channels that the network takes.
        spatial_dims: 2 or 3.
        num_classes: where labels are needed, how many there are with background: each case needs a label on its
            image's grid with whole numbers below that. ``None`` checks images alone.
        stacks: whether a 2D network may be given 3D images, as stacks of slices.
        trust_image_header: let a label of its image's shape pass whatever its affine says.

    Raises:
        FileNotFoundError: when the folder does not exist or holds no case, or a label is missing.
        ValueError: when a file cannot be read or does not fit, or two files give one case.
    """
    labelled = num_classes is not None
    if not cases:
        raise FileNotFoundError(why_empty(dataset_dir, labelled))
    for _, fault in check_names(cases, labelled):
        raise fault
    for facts, findings in inspect_cases(cases, labelled, trust_image_header):
        for finding in findings:
            raise ValueError(finding.text)
        problem = network_problem(facts, in_channels, spatial_dims, stacks)
        if problem is None and num_classes is not None:
            problem = outside(facts, num_classes)
        if problem:
            raise ValueError(problem)


def check_names(cases: list[dict[str, Any]], labelled: bool) -> Iterator[tuple[str, OSError | ValueError]]:
    """Cases whose names or files are not as they must be: the name, and the fault."""
    seen: dict[str, str] = {}
    for case in cases:
        image, name = image_files(case)[0], case["case"]
        if name in seen:
            cure = "rename or remove one, or give each a name of its own under 'case' in a datalist"
            yield name, ValueError(f"case '{name}' comes from two files, '{seen[name]}' and '{image}': {cure}")
        if name != Path(name).name:
            yield name, ValueError(_in_folder(name))
        seen[name] = image
        if labelled and "label" not in case:
            folder = Path(image).parent
            ending = Path(image).name[len(case_name(image)) :]
            expected = folder.parent / LABEL_FOLDERS.get(folder.name, "labels") / f"{name}{ending}"
            cure = "take the image out, or write a datalist if it is one of several channels of a case"
            yield name, FileNotFoundError(f"image '{image}' has no label: add '{expected}', {cure}")
        for path in [*image_files(case), *([case["label"]] if labelled and "label" in case else [])]:
            if not Path(path).is_file():
                yield name, FileNotFoundError(_lacking(name, path))


def image_problem(case: dict[str, Any], in_channels: int, spatial_dims: int, stacks: bool = False) -> str | None:
    """Read a case's image files: why a network of that kind cannot take them, or ``None``.

    Args:
        case: as :func:`find_cases` returns it.
        in_channels: channels that the network takes.
        spatial_dims: 2 or 3.
        stacks: whether a 2D network may be given 3D images, as stacks of slices.
    """
    name = case["case"]
    if name != Path(name).name:
        return _in_folder(name)
    for path in image_files(case):
        if not Path(path).is_file():
            return _lacking(name, path)
    facts, findings = inspect_case(case, labelled=False)
    return findings[0].text if findings else network_problem(facts, in_channels, spatial_dims, stacks)


def why_empty(dataset_dir: str | PathLike[str], labelled: bool, folder: str = "--dataset_dir <folder>") -> str:
    """What a data set without cases lacks; ``folder`` is what to pass instead."""
    root = path_argument("dataset_dir", dataset_dir)
    datalist = datalist_file(root)
    if datalist is not None:
        return f"'{datalist}' lists no case whose files are here: paths in it start from its folder; correct them"
    folders = " or ".join(f"{i}/ with {k}/" for i, k in LABEL_FOLDERS.items()) if labelled else ", ".join(IMAGE_FOLDERS)
    wanted = (
        f"images and labels in {folders}"
        if labelled
        else f"NIfTI, NRRD or MGZ files in it, in {folders} or other folders"
    )
    if not root.exists():
        return f"dataset_dir='{root}' does not exist{misread(dataset_dir)}: pass {folder} with {wanted}"
    endings = ", ".join(f"*{ending}" for ending in SUFFIXES)
    return f"dataset_dir='{root}' holds no case ({endings}): pass {folder} with {wanted}"


def network_problem(facts: CaseFacts, in_channels: int, spatial_dims: int, stacks: bool = False) -> str | None:
    """Why a network of that kind cannot take a case's image, or ``None``."""
    fits = len(facts.shape) == spatial_dims
    if spatial_dims == 2:  # a third axis is a stack of slices, which MONAI reads as one channel
        fits = fits or (len(facts.shape) == 3 and (stacks or facts.shape[2] == 1))
    image = f"image '{facts.image[0]}' of shape {facts.shape}"
    if not fits:
        kinds = {2: "a 2D image or a stack of them" if stacks else "a 2D image"}
        kind = kinds.get(spatial_dims, "a 3D image, alone or with one axis of channels behind")
        return f"{image} is not {kind}: convert it, or use a bundle for such images"
    if facts.channels != in_channels:
        count = "1 file" if len(facts.image) == 1 else f"{len(facts.image)} files"
        return (
            f"{image} ({count}) has {facts.channels} channels, but the network takes {in_channels}: "
            "pass images with that number, or train a network with another in_channels"
        )
    return None


def _in_folder(name: str) -> str:
    return f"case '{name}' would name a result's file: give it a name without folders"


def _lacking(name: str, path: str) -> str:
    return f"case '{name}' lacks '{path}': add that file, or take the case out"
