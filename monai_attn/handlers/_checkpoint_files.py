"""Checkpoint files: written under another name, read back, and only then renamed."""

import hashlib
import io
import itertools
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .._atomic_files import make_folder, write_whole
from ..networks._weights import read_weights

__all__ = [
    "checkpoint_files",
    "earlier_folder",
    "holds_network",
    "is_checkpoint",
    "newest_checkpoint",
    "read_checkpoint",
    "require_checkpoints",
    "save_checkpoint",
    "save_whole",
    "set_aside",
]

NAME = re.compile(r"checkpoint_epoch(\d+)-([0-9a-f]{8})\.pt")  # with the first digits of its SHA-256, as torch.hub does
KEPT = 2  # the newest may turn out to be damaged
EARLIER = "earlier_training"

logger = logging.getLogger(__name__)


def save_checkpoint(folder: Path, epoch: int, state: Mapping[str, Any]) -> Path:
    """Write ``checkpoint_epoch<epoch>-<digest>.pt``, then remove all but the newest two.

    Args:
        folder: where, made if it is not there.
        epoch: number of epochs behind it.
        state: tensors, numbers, strings, lists and dicts of them: what loads with ``weights_only=True``.

    Raises:
        OSError: when it cannot be written; the earlier ones are still there then.
    """
    content = _serialize(state)
    path = folder / f"checkpoint_epoch{epoch:04d}-{hashlib.sha256(content).hexdigest()[:8]}.pt"
    _write(path, content)
    others = [other for other in checkpoint_files(folder) if other != path]  # never this one, whatever lies there
    for old in others[KEPT - 1 :]:
        old.unlink(missing_ok=True)
    return path


def save_whole(path: Path, state: Mapping[str, Any]) -> None:
    """Replace a file atomically, or write a new one. Raises ``OSError``."""
    _write(path, _serialize(state))


def is_checkpoint(path: Path) -> bool:
    """Whether a file has a checkpoint's name."""
    return NAME.fullmatch(path.name) is not None


def checkpoint_files(folder: Path) -> list[Path]:
    """Checkpoints in a folder, those with the most epochs first."""
    return sorted(
        filter(is_checkpoint, folder.glob("checkpoint_epoch*.pt")),
        key=lambda path: (_epoch(path), path.stat().st_mtime_ns),
        reverse=True,
    )


def require_checkpoints(folder: Path) -> list[Path]:
    """:func:`checkpoint_files`; raises ``FileNotFoundError`` where there is none."""
    files = checkpoint_files(folder)
    if not files:
        raise FileNotFoundError(
            f"output_dir='{folder}' has no checkpoint_epoch*.pt to resume from: pass the `output_dir` of the "
            "training, or leave out resume.json to start one"
        )
    return files


def newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Find the newest intact checkpoint and read it; a damaged one is passed over with a warning.

    Raises:
        FileNotFoundError: when there is none.
        ValueError: when all are damaged.
    """
    files = require_checkpoints(folder)
    for path in files:
        try:
            return path, read_checkpoint(path)
        except (OSError, ValueError) as error:
            logger.warning("%s; trying the one before", error)
    raise ValueError(
        f"all {len(files)} checkpoints in output_dir='{folder}' are damaged: leave out resume.json to start anew, with "
        f"`pretrained` '{folder / 'model.pt'}' from its best network"
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint and hold it against the digest in its name.

    Raises:
        ValueError: when it is damaged, or not a checkpoint.
    """
    content = path.read_bytes()
    match = NAME.fullmatch(path.name)
    if match is None or hashlib.sha256(content).hexdigest()[:8] != match[2]:
        raise ValueError(f"checkpoint '{path}' is damaged: its SHA-256 does not begin with the digits in its name")
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and torch each raise their own on what is not a checkpoint
        raise ValueError(f"checkpoint '{path}' cannot be read ({type(error).__name__})") from error
    if not isinstance(state, dict):
        raise ValueError(f"checkpoint '{path}' holds a {type(state).__name__}, not the state of a training")
    return state


def set_aside(folder: Path, target: Path, *names: str) -> None:
    """Move what an earlier training left under these names, so that none of it is lost.

    Args:
        folder: where the files are; those that are not there are passed over.
        target: folder to move them to, with the SHA-256 beside each.
        names: of the files.
    """
    moved = [name for name in names if (folder / name).is_file()]
    for name in moved:
        target.mkdir(exist_ok=True)
        for path in (folder / name, folder / f"{name}.sha256"):
            if path.is_file():
                path.replace(target / path.name)
    if moved:
        logger.warning("%s in '%s' were there before: moved to '%s'", ", ".join(moved), folder, target)


def holds_network(path: Path, network: nn.Module) -> bool:
    """Whether a file has a network's weights as they are now."""
    try:
        last = read_weights(path)
    except (OSError, ValueError):
        return False
    now = network.state_dict()
    return last.keys() == now.keys() and all(torch.equal(last[name], now[name].cpu()) for name in now)


def earlier_folder(folder: Path) -> Path:
    """``earlier_training`` in a folder, or ``earlier_training_2`` and so on, which is not there yet."""
    names = (EARLIER if count == 1 else f"{EARLIER}_{count}" for count in itertools.count(1))
    return next(folder / name for name in names if not (folder / name).exists())


def _epoch(path: Path) -> int:
    match = NAME.fullmatch(path.name)
    return int(match[1]) if match else -1


def _serialize(state: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> None:
    def check(written: Path) -> None:
        """Read it back, because a disk may take bytes that it does not keep."""
        if written.read_bytes() != content:
            raise OSError("what was read back differs")
        torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)  # of the file that is about to go

    cure = f"what was there before is intact; free {len(content) / 1e6:.0f} MB there, then go on with resume.json"
    make_folder(path.parent, "pass an `output_dir` that can be written")
    write_whole(path, lambda file: file.write(content), check, cure)
