"""The weights that a config names: to predict with, or to start a training run from."""

from os import PathLike
from typing import Any

from torch import nn

from .._paths import path_argument
from ..networks import LoadedWeights, OtherArchitectureError, OtherClassesError, load_weights

__all__ = ["load_checkpoint", "warm_start"]


def load_checkpoint(network: nn.Module, ckpt_path: str | PathLike[str]) -> LoadedWeights:
    """Load the weights to predict with.

    Args:
        network: the network, bare or wrapped for several processes.
        ckpt_path: checkpoint, as for :func:`monai_attn.load_weights`.

    Raises:
        ValueError: as there; ``FileNotFoundError`` when there is no such file.
    """
    return _load(network, "ckpt_path", ckpt_path)


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
    return _load(network, "pretrained", pretrained, skip_head=skip_head, adapt_input=adapt_input)


def _load(network: nn.Module, switch: str, path: Any, **options: Any) -> LoadedWeights:
    """Load weights; where other ones are the cure, name the switch that they came by."""
    inner: Any = getattr(network, "module", network)
    file = path_argument(switch, path)
    try:
        return load_weights(inner, file, **options)
    except FileNotFoundError as error:
        earlier = sorted(map(str, file.parent.glob(f"earlier_training*/{file.name}")))
        there = f" (earlier ones are '{earlier[0]}')" if earlier else ""
        cure = f"pass --{switch} <file>, or train some"
        raise FileNotFoundError(f"weights '{file}' do not exist{there}: {cure}") from error
    except OtherArchitectureError as error:
        cure = f"pass --{switch} <weights of this network>, or set network_def to the network they were trained with"
        if switch == "pretrained" and isinstance(error, OtherClassesError):
            cure += "; to train on from them, --skip_head True"
        raise type(error)(error.fact, cure) from error
