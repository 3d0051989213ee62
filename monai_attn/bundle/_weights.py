"""The weights that a config names: to predict with, to start a training run from, to average."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

from torch import nn

from .._paths import path_argument
from ..networks import LoadedWeights, load_weights

__all__ = ["checkpoints", "load_checkpoint", "warm_start"]


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


def checkpoints(
    bundle_root: str | PathLike[str],
    ckpt_paths: Sequence[str] | str | None = None,
    ckpt_path: str | PathLike[str] | None = None,
) -> list[str]:
    """Checkpoints of an ensemble: those given, or all ``models/*.pt`` of a bundle, sorted by name.

    States of a training, ``checkpoint_epoch*.pt``, are not among these.

    Args:
        bundle_root: the bundle.
        ckpt_paths: one or several files.
        ckpt_path: refused, because it is the switch for one network.

    Raises:
        FileNotFoundError: when the bundle has none.
        ValueError: when ``ckpt_path`` is given.
    """
    if ckpt_path is not None:
        raise ValueError(f"ckpt_path='{ckpt_path}' is for one network: pass --ckpt_paths \"['{ckpt_path}',...]\"")
    if ckpt_paths is not None:
        return [ckpt_paths] if isinstance(ckpt_paths, str) else [str(path) for path in ckpt_paths]
    folder = path_argument("bundle_root", bundle_root) / "models"
    found = sorted(str(path) for path in folder.glob("*.pt") if not path.name.startswith("checkpoint_epoch"))
    if not found:
        raise FileNotFoundError(f"'{folder}' has no *.pt: pass --ckpt_paths \"['a.pt','b.pt']\"")
    return found


def _load(network: nn.Module, name: str, path: Any, cure: str, **options: Any) -> LoadedWeights:
    try:
        return load_weights(network, path_argument(name, path), **options)
    except (OSError, ValueError) as error:  # which state the fact, and not the switch that leads out
        raise type(error)(f"{error}; {cure}") from error
