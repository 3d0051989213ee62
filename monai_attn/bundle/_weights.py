"""The weights that a config names: to predict with, or to start a training run from."""

from os import PathLike
from typing import Any

from torch import nn

from .._paths import path_argument
from ..networks import LoadedWeights, load_weights

__all__ = ["load_checkpoint", "warm_start"]


def load_checkpoint(network: nn.Module, ckpt_path: str | PathLike[str]) -> LoadedWeights:
    """Load the weights to predict with.

    Args:
        network: the network, bare or wrapped for several processes.
        ckpt_path: checkpoint, as for :func:`monai_attn.load_weights`.

    Raises:
        ValueError: as there; ``FileNotFoundError`` when there is no such file.
    """
    inner: Any = getattr(network, "module", network)
    cure = "pass --ckpt_path <weights of this network>"
    return _load(inner, "ckpt_path", ckpt_path, cure)


def warm_start(
    network: nn.Module,
    pretrained: str | PathLike[str] | None,
    skip_head: bool = False,
    adapt_input: str | None = None,
) -> LoadedWeights | None:
    """Load weights to start a training run from, if any are given.

    Args:
        network: the network, bare or wrapped for several processes.
        pretrained: checkpoint, or ``None`` to train from scratch.
        skip_head: for another number of classes, see :func:`monai_attn.load_weights`.
        adapt_input: for another number of image channels, see there.

    Returns:
        what was loaded.

    Raises:
        ValueError: as :func:`monai_attn.load_weights`.
    """
    if pretrained is None:
        return None
    inner: Any = getattr(network, "module", network)
    cure = "pass --pretrained <weights of this network>; those of other classes take --skip_head True"
    return _load(inner, "pretrained", pretrained, cure, skip_head=skip_head, adapt_input=adapt_input)


def _load(network: nn.Module, name: str, path: Any, cure: str, **options: Any) -> LoadedWeights:
    try:
        return load_weights(network, path_argument(name, path), **options)
    except (OSError, ValueError) as error:  # which state the fact, and not the switch that leads out
        raise type(error)(f"{error}; {cure}") from error
