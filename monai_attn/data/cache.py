"""Remember what was found in files, by their content, so that a second check costs seconds."""

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .report import CaseFacts, Finding

__all__ = ["content_digest", "forget", "recall", "remember"]

VERSION = 1  # of what an inspection measures; another number makes all that was remembered void


def content_digest(paths: Sequence[str]) -> list[str]:
    """A digest of each file's bytes.

    Raises:
        OSError: when a file cannot be read.
    """
    digests = []
    for path in paths:
        with Path(path).open("rb") as file:
            digests.append(hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest())
    return digests


def recall(key: Sequence[str], case: str) -> tuple[CaseFacts, list[Finding]] | None:
    """What was remembered under these digests, with the case's present name, or ``None``."""
    try:
        content = json.loads(_path(key).read_text(encoding="utf-8"))
        facts = CaseFacts(**{**content["facts"], "case": case})
    except (OSError, ValueError, TypeError, KeyError):  # not there, or of another version
        return None
    facts.shape, facts.spacing_mm = tuple(facts.shape), tuple(facts.spacing_mm)
    facts.percentiles = [(low, median, high) for low, median, high in facts.percentiles]
    facts.foreground = tuple(facts.foreground)
    facts.label_voxels = {int(value): count for value, count in facts.label_voxels.items()}
    return facts, []


def remember(key: Sequence[str], facts: CaseFacts) -> None:
    """Keep the facts of a case without faults; where the cache cannot be written, nothing happens."""
    path = _path(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
            json.dump({"facts": asdict(facts)}, file)
        os.replace(file.name, path)
    except OSError:
        return


def forget() -> None:
    """Remove all that was remembered."""
    for path in _folder().glob("*.json"):
        path.unlink(missing_ok=True)


def _path(key: Sequence[str]) -> Path:
    return _folder() / f"{hashlib.blake2b('|'.join([str(VERSION), *key]).encode(), digest_size=16).hexdigest()}.json"


def _folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "monai-attn" / "inspections"
