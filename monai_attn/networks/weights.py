"""Load trained weights into a network."""

import logging
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn

__all__ = ["load_weights"]

logger = logging.getLogger(__name__)


def load_weights(network: nn.Module, path: str | PathLike[str]) -> None:
    """Load a checkpoint of the same architecture; files that would run code are refused (``weights_only=True``).

    Args:
        network: takes the weights, on whatever device it is.
        path: a state dict, or a checkpoint that has one under ``model``, as ``torch.save`` writes them.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when it cannot be read, or holds another architecture's weights; the network is left as it was.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"weights '{path}' do not exist: pass --ckpt_path <file>, or train some")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and torch each raise their own on a damaged or unsafe file
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"weights '{path}' cannot be read ({reason}): use a file that torch.save wrote") from error
    if isinstance(state, dict) and isinstance(state.get("model"), dict):
        state = state["model"]
    if not isinstance(state, dict):
        raise ValueError(f"weights '{path}' hold a {type(state).__name__}, no state dict: save network.state_dict()")
    difference = _first_difference(network.state_dict(), state)
    if difference:
        raise ValueError(
            f"weights '{path}' belong to another architecture ({difference}): "
            "pass --ckpt_path <weights of this network>, or set network_def to the network they were trained with"
        )
    network.load_state_dict(state)
    logger.info("loaded %d tensors from '%s'", len(state), path)


def _first_difference(wanted: dict[str, Tensor], found: dict[str, Tensor]) -> str:
    for name, tensor in wanted.items():
        if name not in found:
            return f"{name} is missing"
        if found[name].shape != tensor.shape:
            return f"{name} has shape {tuple(found[name].shape)}, not {tuple(tensor.shape)}"
    surplus = [name for name in found if name not in wanted]
    return f"{surplus[0]} is unknown here" if surplus else ""
