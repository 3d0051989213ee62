"""Check every case before anything is computed or written."""

import logging
import shlex
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ..._paths import explain_misreading, path_argument
from .._cases import IMAGE_FOLDERS, LABEL_FOLDERS, SUFFIXES, case_name, find_cases, image_files
from .._datalist import datalist_file, listed_files
from ..files._faults import find_channel_faults
from ..files._volumes import open_volume
from ._across_cases import outside_classes
from ._inspection import describe, inspect_cases, unread
from ._report import CaseFacts, Finding, describe_group, group_findings, is_faulty

__all__ = [
    "check_command",
    "find_name_faults",
    "image_problem",
    "inspect_for_network",
    "log_warnings",
    "network_problem",
    "require_cases",
    "require_names",
    "why_empty",
]

SHOWN = 5  # lines of warnings in the log

logger = logging.getLogger(__name__)


def require_cases(
    cases: list[dict[str, Any]],
    dataset_dir: str | PathLike[str],
    in_channels: int,
    spatial_dims: int,
    num_classes: int | None = None,
    stacks: bool = False,
    trust_image_header: bool = False,
) -> list[CaseFacts]:
    """Read every file and stop at the first case that the network cannot take; log the warnings.

    Args:
        cases: as :func:`find_cases` returns them.
        dataset_dir: the folder they come from.
        in_channels: channels that the network takes.
        spatial_dims: 2 or 3.
        num_classes: where labels are needed, how many there are with background: each case needs a label on its
            image's grid with whole numbers below that. ``None`` checks images alone.
        stacks: whether a 2D network may be given 3D images, as stacks of slices.
        trust_image_header: let a label of its image's shape pass whatever its affine says.

    Returns:
        what was measured, in the order of the cases.

    Raises:
        FileNotFoundError: when the folder does not exist or holds no case, or a label is missing.
        ValueError: when a file cannot be read or does not fit, or two files give one case.
    """
    labelled = num_classes is not None
    require_names(cases, dataset_dir, labelled)
    warnings, measured = [], []
    for facts, findings in inspect_for_network(cases, in_channels, spatial_dims, stacks, labelled, trust_image_header):
        for finding in findings:
            if finding.level == "error":
                raise ValueError(finding.text)
        problem = None if num_classes is None else outside_classes(facts, num_classes)
        if problem:
            raise ValueError(problem)
        warnings += findings
        measured.append(facts)
    log_warnings(warnings, dataset_dir)
    return measured


def require_names(cases: list[dict[str, Any]], dataset_dir: str | PathLike[str], labelled: bool) -> None:
    """Check that there are cases and that their names and files are as they must be.

    Raises:
        FileNotFoundError: when there is no case, or a file is missing.
        ValueError: when two files give one case, or a name has folders.
    """
    if not cases:
        raise FileNotFoundError(why_empty(dataset_dir, labelled))
    for _, fault in find_name_faults(cases, labelled):
        raise fault


def inspect_for_network(
    cases: list[dict[str, Any]],
    in_channels: int,
    spatial_dims: int,
    stacks: bool = False,
    labelled: bool = True,
    trust_image_header: bool = False,
) -> Iterator[tuple[CaseFacts, list[Finding]]]:
    """:func:`inspect_cases`, with what keeps a network of that kind from taking them; arguments as there."""
    for facts, findings in inspect_cases(cases, labelled, trust_image_header):
        problem = None if is_faulty(findings) else network_problem(facts, in_channels, spatial_dims, stacks)
        yield facts, [*findings, *([Finding("error", facts.case, problem)] if problem else [])]


def log_warnings(warnings: Sequence[Finding], dataset_dir: str | PathLike[str]) -> None:
    """To the log: one line for all of a kind, of the first few kinds, and where to find the others."""
    groups = group_findings(warnings)
    for group in groups[:SHOWN]:
        logger.warning("%s", describe_group(group))
    if groups[SHOWN:]:
        more = sum(map(len, groups[SHOWN:]))
        logger.warning("and %d warning(s) more: %s lists them", more, check_command(dataset_dir))


def check_command(dataset_dir: str | PathLike[str]) -> str:
    """What shows all findings of a data set."""
    return f"monai-attn check {shlex.quote(str(path_argument('dataset_dir', dataset_dir)))}"


def find_name_faults(cases: list[dict[str, Any]], labelled: bool) -> Iterator[tuple[str, OSError | ValueError]]:
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
            cure = "remove the image, or write a datalist if it is one of several channels of a case"
            yield name, FileNotFoundError(f"image '{image}' has no label: add '{expected}', {cure}")
        for path in [*image_files(case), *([case["label"]] if labelled and "label" in case else [])]:
            if not Path(path).is_file():
                yield name, FileNotFoundError(_lacking(name, path))


def image_problem(case: dict[str, Any], in_channels: int, spatial_dims: int, stacks: bool = False) -> str | None:
    """Why a network of that kind cannot take a case's images, or ``None``, by their names and headers alone.

    What only the voxels show, :class:`VolumeReader` refuses when it reads them.

    Args:
        case: as :func:`find_cases` returns it.
        in_channels: channels that the network takes.
        spatial_dims: 2 or 3.
        stacks: whether a 2D network may be given 3D images, as stacks of slices.
    """
    name = case["case"]
    if name != Path(name).name:
        return _in_folder(name)
    facts = unread(case, labelled=False)
    try:
        images = [open_volume(path) for path in facts.image]
    except FileNotFoundError as error:
        return next((_lacking(name, path) for path in facts.image if not Path(path).is_file()), str(error))
    except (OSError, ValueError) as error:
        return str(error)
    for fault in find_channel_faults(images):
        return fault
    describe(facts, images)
    return network_problem(facts, in_channels, spatial_dims, stacks)


def why_empty(dataset_dir: str | PathLike[str], labelled: bool, cure: str = "set `dataset_dir` to") -> str:
    """What a data set without cases lacks.

    Args:
        dataset_dir: as it was given.
        labelled: whether labels are wanted.
        cure: how to name another folder; what such a folder has, follows.
    """
    root = path_argument("dataset_dir", dataset_dir)
    datalist = datalist_file(root)
    if datalist is not None:
        there = [file for file in listed_files(root) if Path(file).exists()]
        if there and labelled:
            return (
                f"'{datalist}' lists '{there[0]}' and perhaps more, but nothing under 'training' or 'validation': list "
                "images with their labels there"
            )
        return f"'{datalist}' lists no case whose files are here: paths in it start from its folder; correct them"
    if labelled:
        wanted = "images and labels in " + " or ".join(f"{i}/ with {k}/" for i, k in LABEL_FOLDERS.items())
    else:
        wanted = f"NIfTI, NRRD or MGZ files in it, in {', '.join(IMAGE_FOLDERS)} or other folders"
    if not root.exists():
        return f"dataset_dir='{root}' does not exist{explain_misreading(dataset_dir)}: {cure} a folder with {wanted}"
    images = find_cases(root) if labelled else []
    if images:
        some = f"{len(images)} image(s), such as '{image_files(images[0])[0]}', but none where labels are looked for"
        return f"dataset_dir='{root}' holds {some}: {cure} a folder with {wanted}, of the same names"
    endings = ", ".join(f"*{ending}" for ending in SUFFIXES)
    return f"dataset_dir='{root}' holds no case ({endings}): {cure} a folder with {wanted}"


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
    if spatial_dims == 3 and min(facts.shape) == 1:
        cure = "use a bundle for slices, or the volume that it comes from"
        return f"{image} is one voxel thick, of which a network for volumes makes nothing: {cure}"
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
    return f"case '{name}' lacks '{path}': add that file or remove the case"
