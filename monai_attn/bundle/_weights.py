"""The weights that a config names: to predict with, or to start a training run from."""

import logging
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from .._paths import path_argument
from .._shipped_bundles import check_weights_inside
from .._shown_names import list_names
from ..data import CheckedDataset, TrainingRanges, image_digest
from ..handlers._checkpoint_files import EARLIER
from ..networks import (
    LoadedWeights,
    OtherArchitectureError,
    OtherClassesError,
    load_weights,
    read_training_note,
)
from ._distributed import not_main

__all__ = ["load_checkpoint", "shipped_weights", "warm_start"]

logger = logging.getLogger(__name__)


def load_checkpoint(
    network: nn.Module, ckpt_path: str | PathLike[str], scored: CheckedDataset | None = None
) -> LoadedWeights:
    """Load the weights to predict with.

    Args:
        network: the network, bare or wrapped for several processes.
        ckpt_path: checkpoint, as for :func:`monai_attn.load_weights`.
        scored: cases that will be scored: the log says how many of them trained the weights.

    Raises:
        ValueError: as there, or as ``CheckedDataset.prepare``; ``FileNotFoundError`` when there is no such file.
    """
    loaded = _load(network, "ckpt_path", ckpt_path)
    if scored is not None:
        scored.prepare()
        if not not_main():
            _compare_images(scored, path_argument("ckpt_path", ckpt_path))
    return loaded


def _compare_images(scored: CheckedDataset, weights: Path) -> None:
    """Say which cases the weights have learnt, since scores of these say little about other cases."""
    ranges = TrainingRanges.from_note(read_training_note(weights))
    if ranges is None:
        logger.warning("weights '%s' do not say which images trained them: scores of these would flatter", weights)
        return
    learnt = [facts.case for facts in scored.facts if image_digest(facts) in ranges.images]
    if learnt:
        logger.warning(
            "%d of %d case(s) trained these weights (%s), so their scores flatter: set `fold` to score others alone",
            len(learnt),
            len(scored.facts),
            list_names(learnt),
        )
    else:
        logger.info("none of the %d case(s) trained these weights", len(scored.facts))


def shipped_weights(bundle_root: str | PathLike[str]) -> str:
    """The weights that a bundle came with, also after a training run has replaced ``models/model.pt``.

    They have a checksum beside them, which a training run's own do not have.

    Args:
        bundle_root: the bundle.

    Returns:
        their path; ``models/model.pt`` where no weights have a checksum.
    """
    models = path_argument("bundle_root", bundle_root) / "models"
    now = models / "model.pt"
    earlier = sorted(models.glob(f"{EARLIER}*/{now.name}"))
    return str(next((path for path in (now, *earlier) if path.with_name(f"{path.name}.sha256").is_file()), now))


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
    check_weights_inside(file)
    try:
        return load_weights(inner, file, **options)
    except FileNotFoundError as error:
        earlier = sorted(map(str, file.parent.glob(f"{EARLIER}*/{file.name}")))
        there = f" (earlier ones are '{earlier[0]}')" if earlier else ""
        cure = f"pass --{switch} <file>, or train some"
        raise FileNotFoundError(f"weights '{file}' do not exist{there}: {cure}") from error
    except OtherArchitectureError as error:
        cure = f"pass --{switch} <weights of this network>, or set network_def to the network they were trained with"
        if switch == "pretrained" and isinstance(error, OtherClassesError):
            cure += "; to train on from them, --skip_head True"
        raise type(error)(error.fact, cure) from error
