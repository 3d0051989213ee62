"""Remember what was found in files, by their content, so that a second check costs seconds."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..._atomic_files import write_whole
from .._cases import case_name, image_files
from ..files._bytes import FileBytes, digest_files
from ..files._volumes import Volume, open_volume, parts
from ._report import CaseFacts

__all__ = ["cache_key", "case_stamp", "digest_cases", "open_noted", "recall", "remember"]

VERSION = 4  # of what an inspection measures; another number makes all that was remembered void
VARIABLE = "MONAI_ATTN_CACHE"  # another folder, or "off"

_digests: dict[tuple[object, ...], str] = {}  # of this run, by what changes with a file's content


def open_noted(path: str) -> Volume:
    """:func:`open_volume` with all bytes of the file, whose digest nobody needs to read it for again in this run.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when it is not an image.
    """
    stamp = _stamp(path)
    volume = open_volume(path, keep=True)
    _digests[stamp] = volume.digest
    return volume


def digest_cases(cases: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """A digest of the content of each case's image and label, by name: the same wherever the files are.

    Args:
        cases: as :func:`find_cases` returns them.

    Raises:
        OSError: when a file cannot be read.
    """
    files = {case["case"]: [*image_files(case), *([case["label"]] if "label" in case else [])] for case in cases}
    return {name: hashlib.sha256(" ".join(map(_digest, paths)).encode()).hexdigest() for name, paths in files.items()}


def case_stamp(case: Mapping[str, Any]) -> list[object]:
    """What of a case's files changes with their content, by a look at the folder alone; ``None`` for one not there."""
    stamps: list[object] = []
    for path in [*image_files(case), *([case["label"]] if "label" in case else [])]:
        try:
            stamps.append(_stamp(path))
        except Exception:  # gone, or a header that no longer names its data file
            stamps.append(None)
    return stamps


def _digest(path: str) -> str:
    stamp = _stamp(path)
    if stamp not in _digests:
        _digests[stamp] = digest_files(map(FileBytes, parts(path)))
    return _digests[stamp]


def _stamp(path: str) -> tuple[object, ...]:
    """What of a file changes with its content."""
    return tuple(
        (part, info.st_size, info.st_mtime_ns, info.st_ctime_ns) for part in parts(path) for info in [os.stat(part)]
    )


def cache_key(facts: CaseFacts, trust_image_header: bool) -> str:
    """Name of what is remembered of a case: the content of its files, and all else that decides how they are read.

    Paths are no part of it, so that a data set may move; endings are, since a good file may be misnamed.
    """
    endings = [Path(file).name[len(case_name(file)) :].lower() for file in facts.files]
    parts = [str(VERSION), str(len(facts.image)), str(trust_image_header), *endings, *facts.digests]
    return hashlib.blake2b("|".join(parts).encode(), digest_size=16).hexdigest()


def recall(key: str, case: CaseFacts) -> CaseFacts | None:
    """What was remembered, with the present name and paths of ``case``, or ``None``."""
    folder = _folder()
    if folder is None:
        return None
    try:
        content = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        facts = CaseFacts(**{**content, "case": case.case, "image": case.image, "label": case.label})
        facts.shape, facts.spacing_mm = tuple(facts.shape), tuple(facts.spacing_mm)
        facts.percentiles = [(low, median, high) for low, median, high in facts.percentiles]
        facts.foreground = tuple(facts.foreground)
        facts.label_voxels = {int(value): count for value, count in facts.label_voxels.items()}
        facts.centroids = {int(value): tuple(place) for value, place in facts.centroids.items()}
        facts.thickness_mm = {int(value): size for value, size in facts.thickness_mm.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # not there, damaged, or of another version
        return None
    return facts


def remember(key: str, facts: CaseFacts) -> None:
    """Keep the facts of a case without faults; where the cache cannot be written, nothing happens."""
    folder = _folder()
    if folder is None:
        return
    content = {name: value for name, value in asdict(facts).items() if name not in ("case", "image", "label")}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{key}.json", lambda file: file.write(json.dumps(content).encode()))
    except OSError:
        return


def _folder() -> Path | None:
    chosen = os.environ.get(VARIABLE, "")
    if chosen.lower() == "off":
        return None
    if chosen:
        return Path(chosen)
    try:
        root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # nobody's home
        return None
    return Path(root) / "monai-attn" / "inspections"
