"""Checks of what a U-Net is built from and called with: every error names argument, value and cure."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .._arguments import LayerName, check_count, check_list, layer_name, per_axis
from ..blocks import AttentionGate

__all__ = ["check_channels", "check_gate", "check_gated_levels", "check_image", "check_kernels", "check_strides"]

SET_BY_NETWORK = {
    "spatial_dims",
    "in_channels",
    "gate_channels",
    "strides",
    "act",
    "norm",
    "dropout",
    "bias",
    "adn_ordering",
}


def check_channels(channels: Sequence[int]) -> tuple[int, ...]:
    """Return the features of two or more levels."""
    channels = check_list("channels", channels, "[16, 32, 64]")
    if len(channels) < 2:
        raise ValueError(
            f"channels={channels!r} has {len(channels)} level(s): a gate needs a coarser one, give two or more"
        )
    return tuple(check_count("channels", features) for features in channels)


def check_strides(
    strides: Sequence[Sequence[int] | int], levels: int, spatial_dims: int
) -> tuple[tuple[int, ...], ...]:
    """Return one stride per axis for each step between ``levels``."""
    strides = check_list("strides", strides, str([2] * (levels - 1)))
    if len(strides) != levels - 1:
        cure = "remove" if len(strides) > levels - 1 else "add"
        raise ValueError(
            f"strides={strides!r} has {len(strides)} entries for {levels} levels in channels: it needs {levels - 1}, "
            f"one for each step down; {cure} {abs(len(strides) - levels + 1)}"
        )
    return tuple(per_axis("strides", stride, spatial_dims) for stride in strides)


def check_kernels(kernel_size: Any, levels: int, spatial_dims: int) -> tuple[tuple[int, ...], ...]:
    """Return one odd kernel size per axis for each level, from one for all, one per axis, or a list of either."""
    if not isinstance(kernel_size, list | tuple) or all(isinstance(kernel, int) for kernel in kernel_size):
        return (per_axis("kernel_size", kernel_size, spatial_dims, odd=True),) * levels
    if len(kernel_size) != levels:
        raise ValueError(
            f"kernel_size={kernel_size!r} has {len(kernel_size)} entries for {levels} levels in channels: give one for "
            "each level, finest first, or one for all"
        )
    return tuple(per_axis("kernel_size", kernel, spatial_dims, odd=True) for kernel in kernel_size)


def check_gated_levels(gated_levels: Sequence[int] | None, skips: int) -> tuple[int, ...]:
    """Return the gated levels in order, all of them for ``None``."""
    levels = list(range(skips)) if gated_levels is None else check_list("gated_levels", gated_levels, "[1, 2]")
    if any(level not in range(skips) for level in levels) or len(set(levels)) != len(levels):
        raise ValueError(
            f"gated_levels={gated_levels!r} must be different numbers from 0 (finest) to {skips - 1}, "
            f"since channels give {skips} skip connections; [] gates none"
        )
    return tuple(sorted(levels))


def check_gate(gate: Any) -> dict[str, Any]:
    """Return the arguments that a network leaves open in its gates."""
    known = set(inspect.signature(AttentionGate).parameters) - SET_BY_NETWORK
    if gate is None:
        return {}
    if not isinstance(gate, Mapping) or not set(gate) <= known:
        unknown = ", ".join(map(repr, sorted(set(gate) - known))) if isinstance(gate, Mapping) else repr(gate)
        raise ValueError(f"gate={gate!r} has {unknown}: use names and values of {', '.join(sorted(known))}")
    return dict(gate)


def check_image(
    x: Any,
    in_channels: int,
    strides: Sequence[Sequence[int]],
    norm: LayerName | None,
    coarsest: int,
    training: bool,
) -> None:
    """Raise ``ValueError`` if a network cannot take the image.

    Args:
        x: the image.
        in_channels: channels that the network takes.
        strides: all of them, the stem's first, one per axis each.
        norm: the network's norm.
        coarsest: features of the coarsest level.
        training: whether norms see the batch.
    """
    if torch.compiler.is_exporting():
        return  # a check would become a bound on the exported sizes
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"image is of type {kind}, but the network takes floating-point tensors: convert it")
    shape, spatial_dims = tuple(x.shape), len(strides[0])
    if len(shape) != spatial_dims + 2:
        axes = "(B, C, H, W)" if spatial_dims == 2 else "(B, C, H, W, D)"
        raise ValueError(f"image of shape {shape} has {len(shape)} axes, but this {spatial_dims}D network needs {axes}")
    if shape[1] != in_channels:
        raise ValueError(
            f"image of shape {shape} has {shape[1]} channels, but this network was built with "
            f"in_channels={in_channels}: pass {in_channels}, or build it with in_channels={shape[1]}"
        )
    grid = 1
    for axis, size in enumerate(shape[2:]):
        for stride in strides:
            size = -(-size // stride[axis])
        grid *= size
    if shape[0] * grid < 1:
        raise ValueError(f"image of shape {shape} is empty: pass at least one voxel of at least one image")
    if _values_in_norm(norm, shape[0], coarsest, grid, training) < 2:
        raise ValueError(
            f"image of shape {shape} leaves {grid} voxel(s) after the strides {tuple(strides)}, "
            f"too few for norm={norm!r}: pad the image (monai.transforms.SpatialPad) or use fewer levels"
        )


def _values_in_norm(norm: Any, batch: int, channels: int, grid: int, training: bool) -> int:
    """From how many values a norm takes its statistics on the coarsest grid; torch refuses a single one."""
    name = layer_name(norm)
    if name.startswith("instance"):
        return grid
    if name.endswith("batch") and training:
        return batch * grid
    if name == "group":
        return batch * grid * channels // int(norm[1]["num_groups"])
    return 2
