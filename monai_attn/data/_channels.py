"""Which image files are the channels of one case, by their names alone."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

__all__ = ["join_channels", "name_channels", "number_channels"]

NUMBER = re.compile(r"\d{4}")  # nnU-Net's: brain_0000.nii.gz, brain_0001.nii.gz


def name_channels(images: Iterable[str], labels: Iterable[str], in_channels: int = 1) -> list[str]:
    """What images have behind their label's name and an underscore, where no image has the label's own name.

    ``brain_T1, brain_T2`` with the label ``brain`` give ``["T1", "T2"]``: all such endings of a data set, sorted. If
    some are numbers of four digits (nnU-Net's convention), those count alone, from ``0000`` to the highest.

    Args:
        images: names of images, without folder and file ending.
        labels: names of labels.
        in_channels: least number of nnU-Net's channels.
    """
    images, labels = set(images), set(labels)
    waiting = sorted(labels - images, key=len, reverse=True)  # a_b_T1 belongs to a_b rather than to a
    endings = set()
    for image in images - labels:
        owner = next((label for label in waiting if image.startswith(f"{label}_")), None)
        if owner is not None:
            endings.add(image[len(owner) + 1 :])
    numbers = [int(ending) for ending in endings if NUMBER.fullmatch(ending)]
    if numbers:
        return number_channels(max(in_channels, max(numbers) + 1))
    return sorted(endings)


def number_channels(count: int) -> list[str]:
    """nnU-Net's names of that many channels."""
    return [f"{k:04d}" for k in range(count)]


def join_channels(images: Mapping[str, Path], names: Sequence[str]) -> dict[str, list[Path]]:
    """Files by case, in the order of ``names``; a file that is missing is listed where it would be.

    Args:
        images: file by name, without folder and file ending.
        names: of the channels; images that end in none of them are left out.
    """
    found: dict[str, dict[str, Path]] = {}
    for image, path in images.items():
        fitting = [name for name in names if image.endswith(f"_{name}")]
        if fitting:
            name = max(fitting, key=len)
            found.setdefault(image[: -len(name) - 1], {})[name] = path
    cases = {}
    for case, files in found.items():
        some, path = next(iter(files.items()))
        ending = path.name[len(f"{case}_{some}") :]
        cases[case] = [files.get(name, path.with_name(f"{case}_{name}{ending}")) for name in names]
    return cases
