"""Networks that are made in a moment, and a file with the weights of one."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from monai_attn import AttentionGatedUNet


def tiny(**options: Any) -> AttentionGatedUNet:
    return AttentionGatedUNet(2, **{"in_channels": 1, "out_channels": 2, "channels": (4, 8), "strides": (2,)} | options)


def small(spatial_dims: int = 2, **options: Any) -> AttentionGatedUNet:
    """Three levels, three classes."""
    arguments = {"in_channels": 1, "out_channels": 3, "channels": (8, 16, 24), "strides": (2, 2)} | options
    return AttentionGatedUNet(spatial_dims, **arguments)


def weights_file(folder: Path, **options: Any) -> tuple[dict[str, Tensor], Path]:
    source = tiny(**options)
    torch.save(source.state_dict(), folder / "source.pt")
    return source.state_dict(), folder / "source.pt"
