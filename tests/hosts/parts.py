"""What the tests of the hosts share."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Weights = dict[str, Tensor]


def weights(path: Path) -> Weights:
    """Read a checkpoint as the hosts do: a state dict, or one under ``model``, without pickled code."""
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content.get("model", content)


def same(a: Weights, b: Weights) -> bool:
    return a.keys() == b.keys() and all(torch.equal(torch.as_tensor(a[key]), torch.as_tensor(b[key])) for key in a)


def largest_change(a: Weights, b: Weights) -> float:
    return max(float((a[key].float() - b[key].float()).abs().max()) for key in a)


def set_aside(root: Path) -> list[Path]:
    """Checkpoints below ``models/`` that no host takes for the bundle's weights."""
    return sorted(path for path in (root / "models").glob("*/**/*.pt"))


def cases(dataset: Path) -> list[dict[str, str]]:
    """List a data set as MONAI Label does: paths, and nothing else."""
    images = sorted((dataset / "imagesTr").iterdir())
    return [{"image": str(path), "label": str(dataset / "labelsTr" / path.name)} for path in images]


def refusal(error: BaseException) -> str:
    """Words of the exception at the root of a chain, without the marks of an argument or a switch."""
    while error.__cause__ is not None:
        error = error.__cause__
    return plain(str(error))


def plain(text: str) -> str:
    """Text without what tells an argument from a switch of the command line."""
    return text.replace("--", "").replace("`", "")
