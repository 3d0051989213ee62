"""Load trained weights into a network: whole, in part, or adapted to other classes and image channels."""

import copy
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ._arguments import check_choice
from ._checksum import WeightsError, check_sha256
from ._torch_file import MAX_STRUCTURE, read_torch_file

__all__ = [
    "LoadedWeights",
    "OtherArchitectureError",
    "OtherClassesError",
    "WeightsError",
    "load_networks",
    "load_weights",
    "read_weights",
]

logger = logging.getLogger(__name__)

NESTS = (
    "model",
    "state_dict",
    "model_state_dict",
    "network",
    "net",
)  # where training programs keep a network in their checkpoints
WRAPPERS = re.compile(r"(?:(?:module|_orig_mod)\.)+")  # what DataParallel and torch.compile put before names
HEADS = ("head.conv.", "side_heads.")  # what depends on the number of classes
STEM = "encoder.0."  # what depends on the number of image channels
MAX_BYTES = 2 * 2**30  # of a file, which takes twice as much memory for a moment


class OtherArchitectureError(WeightsError):
    """Weights of another network."""


class OtherClassesError(OtherArchitectureError):
    """Weights of the same network for another number of classes."""


@dataclass
class LoadedWeights:
    """Names of the tensors that were copied, of those left in the file and why, and of those that it did not have."""

    copied: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def load_weights(
    network: nn.Module,
    path: str | PathLike[str],
    strict: bool = True,
    skip_head: bool = False,
    adapt_input: str | None = None,
) -> LoadedWeights:
    """Load a checkpoint; nothing in it can run, and one that would grow beyond its own size is refused.

    Where ``<file>.sha256`` stands beside the file, its SHA-256 is compared before anything is unpickled.

    Args:
        network: takes the weights, on whatever device it is.
        path: what ``torch.save`` wrote (torch 1.6 or newer), a state dict or a checkpoint that has one under ``model``,
            ``state_dict``, ``network`` or ``net``; or a ``.safetensors`` file; up to 2 GB.
        strict: whether every tensor must fit; otherwise those are copied that do.
        skip_head: leave out what depends on the number of classes, for an :class:`AttentionGatedUNet` with others.
        adapt_input: for an :class:`AttentionGatedUNet` with another number of image channels, "average" gives each
            channel the mean of the trained ones, "repeat" (for more channels) deals them out in turn; either way scaled
            so that the sum stays. With residual units neither number may be ``channels[0]``, because MONAI's unit has
            other tensors then.

    Returns:
        what was copied, what was not and why.

    Raises:
        FileNotFoundError: when there is no such file.
        WeightsError: when it cannot be read, its SHA-256 differs, or nothing would be copied; the network is left as
            it was.
        OtherArchitectureError: when it does not fit; an :class:`OtherClassesError` when only the head does not.
    """
    if adapt_input is not None:
        check_choice("adapt_input", adapt_input, ("average", "repeat"))
    names = {_unwrapped(name): name for name in network.state_dict()}
    wanted = {name: network.state_dict()[own] for name, own in names.items()}
    found = read_weights(path)
    report, fitting = LoadedWeights(), {}
    for name, tensor in found.items():
        if skip_head and name.startswith(HEADS):
            report.skipped[name] = "belongs to the head"
        elif name not in wanted:
            report.skipped[name] = "is unknown here"
        elif (fitted := _fit(name, tensor, wanted[name], adapt_input)) is None:
            report.skipped[name] = f"has shape {tuple(tensor.shape)}, not {tuple(wanted[name].shape)}"
        else:
            fitting[name] = fitted
    report.copied = list(fitting)
    report.missing = [name for name in wanted if name not in found]
    _check(report, path, strict, skip_head, any(tensor.dim() > 1 for tensor in fitting.values()))
    network.load_state_dict({names[name]: tensor for name, tensor in fitting.items()}, strict=False)
    logger.info("copied %d of %d tensors from '%s'", len(fitting), len(found), path)
    for name, reason in report.skipped.items():
        logger.info("skipped: %s %s", name, reason)
    for name in report.missing:
        logger.info("left as it was: %s is not in the file", name)
    return report


def load_networks(
    network: nn.Module, paths: Sequence[str | PathLike[str]], device: str | torch.device = "cpu"
) -> list[nn.Module]:
    """Copies of a network, one with the weights of each checkpoint, for an ensemble.

    Args:
        network: the architecture; left as it is.
        paths: checkpoints as :func:`load_weights` takes them.
        device: where to put the copies.

    Raises:
        WeightsError: as :func:`load_weights`.
    """
    copies = [copy.deepcopy(network).to(device) for _ in paths]
    for member, path in zip(copies, paths, strict=True):
        load_weights(member, path)
    return copies


def read_weights(path: str | PathLike[str]) -> dict[str, Tensor]:
    """The state dict in a checkpoint, by names without what wrappers put before them; no code in it runs.

    Args:
        path: as for :func:`load_weights`.

    Raises:
        FileNotFoundError: when there is no such file.
        WeightsError: when its SHA-256 differs from the one beside it, it cannot be read, or has no or no finite
            weights.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"weights '{path}' do not exist: pass a file that does, or train some")
    if path.stat().st_size > MAX_BYTES:
        fact = f"weights '{path}' have {path.stat().st_size / 1e9:.1f} GB, more than the {MAX_BYTES / 1e9:.1f} GB read"
        raise WeightsError(fact, "save network.state_dict() alone")
    content = path.read_bytes()  # once, so that what is loaded is what was compared
    check_sha256(path, content)
    try:
        state = _read_safetensors(content) if path.suffix == ".safetensors" else read_torch_file(content)
        found = _find_state(state)
        broken = [name for name, tensor in found.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"'{path}' needs safetensors: pip install 'monai-attn[safetensors]'") from error
    except Exception as error:  # a damaged or hostile file can make any part of this raise anything
        lines = str(error).strip().splitlines() or [type(error).__name__]
        fact = f"weights '{path}' cannot be read ({lines[0].rstrip('.')})"
        raise WeightsError(fact, "replace the file by an undamaged checkpoint") from error
    if not found:
        fact = f"weights '{path}' hold a {type(state).__name__} and no state dict, alone or under {', '.join(NESTS)}"
        raise WeightsError(fact, "save network.state_dict()")
    if broken:
        fact = f"weights '{path}' have NaN or infinite values ({broken[0]})"
        raise WeightsError(fact, "train again, or use another file")
    return found


def _find_state(state: Any) -> dict[str, Tensor]:
    """The innermost state dict of a checkpoint, empty when there is none."""
    seen: set[int] = set()  # a hostile one can contain itself
    while isinstance(state, Mapping) and id(state) not in seen:
        seen.add(id(state))
        state = next((state[name] for name in NESTS if isinstance(state.get(name), Mapping)), state)
    if not isinstance(state, Mapping):
        return {}
    return {_unwrapped(str(name)): value for name, value in state.items() if isinstance(value, Tensor)}


def _read_safetensors(content: bytes) -> dict[str, Tensor]:
    from safetensors.torch import load  # an extra

    if int.from_bytes(content[:8], "little") > MAX_STRUCTURE:
        raise ValueError(f"its structure has more than {MAX_STRUCTURE / 1e6:.0f} MB")
    return load(content)


def _unwrapped(name: str) -> str:
    return name[wrappers.end() :] if (wrappers := WRAPPERS.match(name)) else name


def _fit(name: str, tensor: Tensor, wanted: Tensor, adapt_input: str | None) -> Tensor | None:
    """The tensor in the wanted shape, ``None`` where it does not fit."""
    if tensor.shape == wanted.shape:
        return tensor
    others = [axis for axis in range(tensor.dim()) if axis != 1]
    same = tensor.dim() == wanted.dim() > 1 and all(tensor.shape[axis] == wanted.shape[axis] for axis in others)
    if adapt_input is None or not name.startswith(STEM) or not same:
        return None
    old, new = tensor.shape[1], wanted.shape[1]
    if adapt_input == "average":
        return tensor.sum(dim=1, keepdim=True).expand_as(wanted) / new
    if new < old:
        return None
    dealt = [channel % old for channel in range(new)]
    return torch.stack([tensor[:, channel] / dealt.count(channel) for channel in dealt], dim=1)


def _check(report: LoadedWeights, path: str | PathLike[str], strict: bool, skip_head: bool, any_kernel: bool) -> None:
    wrong = [f"{name} {why}" for name, why in report.skipped.items() if not (skip_head and name.startswith(HEADS))]
    wrong += [f"{name} is missing" for name in report.missing if not (skip_head and name.startswith(HEADS))]
    if strict and wrong:
        differences = f"({wrong[0]}, {len(wrong)} difference(s) in all)"
        cure = "pass weights of this network, or set `network_def` to the network they were trained with"
        if all(text.startswith(HEADS) for text in wrong):
            fact = f"weights '{path}' have another number of classes {differences}"
            raise OtherClassesError(fact, f"{cure}; to train on from them, set `skip_head`")
        raise OtherArchitectureError(f"weights '{path}' belong to another architecture {differences}", cure)
    if not any_kernel:  # biases and norms alone fit many a network
        fact = f"weights '{path}' have nothing that fits this network ({', '.join(wrong[:2])})"
        raise OtherArchitectureError(fact, "pass weights of its kind")
