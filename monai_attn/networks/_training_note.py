"""What weights were trained on, carried by the weights themselves."""

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from ._torch_file import read_torch_file
from ._weights import NESTS

__all__ = ["read_training_note", "state_with_note"]

KEY = "trained_on"


def state_with_note(network: nn.Module, note: Mapping[str, Any] | None) -> dict[str, Any]:
    """The network's state dict with a note where torch has the versions of its modules.

    It stays a state dict of tensors alone, so whoever loads it, here or elsewhere, need not know of the note.

    Args:
        network: any network.
        note: anything that JSON can express; ``None`` for no note.
    """
    state: Any = network.state_dict()
    if note is not None:
        state._metadata[KEY] = json.dumps(note)
    return state  # type: ignore[no-any-return]


def read_training_note(path: str | PathLike[str]) -> dict[str, Any]:
    """The note in a file of weights; empty where there is none, or no such file."""
    try:
        content = read_torch_file(Path(path).read_bytes())
        states = [content, *(content[name] for name in NESTS if name in content)]
        texts = [getattr(state, "metadata", {}).get(KEY) for state in states]
        note = json.loads(next(text for text in texts if text is not None))
    except Exception:  # whatever is wrong with the file, loading the weights says it
        return {}
    return note if isinstance(note, dict) else {}
