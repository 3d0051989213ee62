"""Small things that the shipped configs do between reading the data and running."""

import importlib.util
import time
from collections.abc import Sequence
from os import PathLike
from typing import Any

from torch import nn

from .._paths import path_argument
from ..networks import LoadedWeights, load_weights

__all__ = ["bundle_name", "check_installed", "checkpoints", "run_name", "sqlite_uri", "warm_start"]


def warm_start(
    network: nn.Module,
    pretrained: str | PathLike[str] | None,
    skip_head: bool = False,
    adapt_input: str | None = None,
) -> LoadedWeights | None:
    """Load weights to start a training from, if any are given.

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
    try:
        path = path_argument("pretrained", pretrained)
        return load_weights(inner, path, skip_head=skip_head, adapt_input=adapt_input)
    except (OSError, ValueError) as error:  # a training has another switch for it than prediction
        raise type(error)(str(error).replace("--ckpt_path", "--pretrained")) from error


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


def check_installed(module: str, extra: str) -> None:
    """Raise ``ModuleNotFoundError`` with the command that installs it, if a package is not there.

    Args:
        module: name to import.
        extra: the extra of monai-attn that brings it.
    """
    if importlib.util.find_spec(module) is None:
        raise ModuleNotFoundError(f"{module} is not installed: pip install 'monai-attn[{extra}]'")


def sqlite_uri(output_dir: str | PathLike[str]) -> str:
    """Address of a database ``mlruns.db`` in a folder, as MLflow wants it."""
    return f"sqlite:///{(path_argument('output_dir', output_dir) / 'mlruns.db').resolve()}"


def bundle_name(bundle_root: str | PathLike[str]) -> str:
    """Name of the bundle in a folder."""
    return path_argument("bundle_root", bundle_root).resolve().name


def run_name() -> str:
    """A name for a run that starts now."""
    return f"run_{time.strftime('%Y%m%d_%H%M%S')}"
