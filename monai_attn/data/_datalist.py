"""Read a datalist: a JSON file that names the images and labels of a data set."""

import glob
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Description", "datalist_file", "describe_data", "listed_files", "read_datalist"]

NAMES = ("datalist.json", "dataset.json")
TRAINING = ("training", "validation")
IMAGES_ONLY = ("test", "testing")

logger = logging.getLogger(__name__)


def datalist_file(root: Path) -> Path | None:
    """The datalist at ``root`` (the file itself, or in the folder), or ``None``.

    nnU-Net's ``dataset.json``, which describes a folder without listing its files, is not one.
    """
    if root.suffix == ".json" and root.is_file():
        return root
    for path in (root / name for name in NAMES):
        if path.is_file() and any(isinstance(_load(path).get(key), list) for key in (*TRAINING, *IMAGES_ONLY)):
            return path
    return None


def read_datalist(path: Path, labelled: bool) -> list[dict[str, Any]]:
    """Cases of a datalist, with full paths.

    Args:
        path: the JSON file: ``training`` and ``validation`` list dicts with ``image``, ``label`` and perhaps more;
            ``test`` lists such dicts or paths of images. What stands under ``validation`` gets ``fold`` 0.
        labelled: whether labels are wanted; without, images come from all lists, and labels are not looked for.

    Returns:
        one dict for each case, as it stands there. Entries of which no file exists are left out with a warning, since
        part of a data set often keeps the list of the whole.

    Raises:
        ValueError: when the file is something else.
    """
    cases, absent = [], 0
    for key, case in _listed(path, TRAINING if labelled else (*TRAINING, *IMAGES_ONLY)):
        if labelled and key == "validation":
            case.setdefault("fold", 0)
        if any(Path(file).exists() for file in _files(case, labelled)):
            cases.append(case)
        else:
            absent += 1
    if absent:
        logger.warning("'%s' lists %d case(s) of which no file is here; they are left out", path, absent)
    return cases


def listed_files(root: Path) -> list[str]:
    """All images and labels that the datalist at ``root`` names; none where there is no datalist that can be read."""
    with suppress(ValueError):
        path = datalist_file(root)
        if path is not None:
            return [file for _, case in _listed(path, (*TRAINING, *IMAGES_ONLY)) for file in _files(case, True)]
    return []


@dataclass(frozen=True)
class Description:
    """What a data set's own JSON file says of it, where it has one.

    Attributes:
        labels: name by label value, background included; empty if it says nothing.
        channels: name or modality of each image channel, such as "CT"; empty if it says nothing.
    """

    labels: dict[int, str] = field(default_factory=dict)
    channels: list[str] = field(default_factory=list)


def describe_data(root: Path) -> Description:
    """Read ``labels`` and ``modality`` (Medical Segmentation Decathlon) or ``channel_names`` (nnU-Net).

    Args:
        root: folder of the data set, or its JSON file.

    Raises:
        ValueError: when the file is not JSON.
    """
    paths = [root] if root.is_file() else [root / name for name in NAMES]
    content = next((_load(path) for path in paths if path.suffix == ".json" and path.is_file()), {})
    labels, channels = content.get("labels"), content.get("channel_names", content.get("modality"))
    names: dict[int, str] = {}
    for key, value in labels.items() if isinstance(labels, dict) else ():
        number, name = (key, value) if str(key).isdigit() else (value, key)  # nnU-Net: {"liver": 1}
        if str(number).isdigit():  # its regions are lists
            names[int(number)] = str(name)
    ordered = sorted(channels.items(), key=lambda item: int(item[0])) if isinstance(channels, dict) else ()
    return Description(dict(sorted(names.items())), [str(name) for _, name in ordered])


_CURE = '{"training": [{"image": "images/a.nii.gz", "label": "labels/a.nii.gz"}, ...]} with paths from its folder'


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))  # Windows may put a mark in front
    except (ValueError, OSError) as error:
        raise ValueError(f"'{path}' cannot be read as JSON ({error}): correct it") from error
    if not isinstance(content, dict):
        raise ValueError(f"'{path}' is not a datalist: write {_CURE}")
    return content


def _listed(path: Path, keys: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each case of a datalist, and the list that it stands in."""
    content = _load(path)
    for key in keys:
        entries = content.get(key, [])
        if not isinstance(entries, list):
            raise ValueError(f"'{path}' has no list under '{key}': write {_CURE}")
        yield from ((key, _case(entry, path)) for entry in entries)


def _files(case: dict[str, Any], labelled: bool) -> list[str]:
    images = [case["image"]] if isinstance(case["image"], str) else case["image"]
    return [*images, case["label"]] if labelled and "label" in case else [*images]


def _case(entry: Any, path: Path) -> dict[str, Any]:
    if isinstance(entry, str):
        entry = {"image": entry}
    images = entry.get("image") if isinstance(entry, dict) else None
    paths = [images] if isinstance(images, str) else images
    if not isinstance(paths, list) or not paths or not all(isinstance(file, str) for file in paths):
        raise ValueError(f"'{path}' has the entry {str(entry)[:80]}, which names no image: write {_CURE}")
    if not isinstance(entry.get("label", ""), str):
        raise ValueError(f"'{path}' has the entry {str(entry)[:80]}, whose label is not a path: write {_CURE}")
    full = [str(path.parent / file) for file in paths]
    if len(full) == 1 and not Path(full[0]).exists():
        full = _numbered(Path(full[0])) or full
    case = {**entry, "image": full[0] if isinstance(images, str) or len(full) == 1 else full}
    if "label" in entry:
        case["label"] = str(path.parent / entry["label"])
    return case


def _numbered(image: Path) -> list[str]:
    """The channels of an image that the list names without their numbers, as in nnU-Net's first version."""
    stem, dot, ending = image.name.partition(".nii")
    return sorted(str(file) for file in image.parent.glob(f"{glob.escape(stem)}_[0-9][0-9][0-9][0-9]{dot}{ending}"))
