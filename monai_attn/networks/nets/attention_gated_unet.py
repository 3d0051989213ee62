"""The attention-gated U-Net of Oktay et al. 2018, https://arxiv.org/abs/1804.03999, in 2D and 3D."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from monai.networks.blocks import Convolution
from torch import Tensor, nn

from ..arguments import LayerName, check_count, check_fraction, check_spatial_dims, per_axis
from ..blocks import AttentionGate, DoubleConvolution, UpConvolution, crop_to

__all__ = ["AttentionGatedUNet"]


class AttentionGatedUNet(nn.Module):
    """U-Net whose skip connections pass through attention gates.

    .. code-block:: text

        image - encoder 0 ------------ gate 0 - decoder 0 - head - logits
                    |                    |  .------'
                encoder 1 ------------ gate 1 - decoder 1
                    |                    |  .------'
                encoder 2 (bottleneck) --+--'

    The gating signal of level i is what the decoder made of level i + 1, at that level's resolution. Sizes need not be
    divisible by the strides: an axis of n voxels has ceil(n / stride) on the next level and comes back with n.

    Args:
        spatial_dims: 2 or 3.
        in_channels: image channels.
        out_channels: number of classes, background included.
        channels: features of each level, finest first, at least two levels. Multiples of 16 are fastest.
        strides: from each level to the next coarser one, ``len(channels) - 1`` entries, each one number or one per axis
            (``[[2, 2, 1], 2]`` leaves thick slices alone in the first step).
        kernel_size: odd kernel size of the convolutions, one number or one per axis.
        up_kernel_size: odd kernel size of the transposed convolutions, one number or one per axis.
        act: activation by MONAI's name, in every block, the gates included. The paper has ReLU.
        norm: normalisation by MONAI's name, in every block, the gates' output transform included.
        dropout: dropout ratio, in every block, the gates included.
        bias: whether convolutions have a bias, in every block, the gates included.
        adn_ordering: order of activation, dropout and norm.

    Raises:
        ValueError: on an unusable argument, with its name, value and the cure.

    Example::

        net = AttentionGatedUNet(spatial_dims=3, in_channels=1, out_channels=3, channels=[16, 32, 64], strides=[2, 2])
        net(torch.rand(1, 1, 35, 51, 35)).shape  # (1, 3, 35, 51, 35)
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        channels: Sequence[int],
        strides: Sequence[Sequence[int] | int],
        kernel_size: Sequence[int] | int = 3,
        up_kernel_size: Sequence[int] | int = 3,
        act: LayerName = "RELU",
        norm: LayerName | None = ("INSTANCE", {"affine": True}),
        dropout: float = 0.0,
        bias: bool = True,
        adn_ordering: str = "NDA",
    ) -> None:
        super().__init__()
        self.spatial_dims = check_spatial_dims(spatial_dims)
        self.in_channels = check_count("in_channels", in_channels)
        self.out_channels = check_count("out_channels", out_channels)
        self.channels = _check_channels(channels)
        self.strides = _check_strides(strides, len(self.channels), spatial_dims)
        kernel = per_axis("kernel_size", kernel_size, spatial_dims, odd=True)
        up_kernel = per_axis("up_kernel_size", up_kernel_size, spatial_dims, odd=True)
        options: dict[str, Any] = {
            "act": act,
            "norm": norm,
            "dropout": check_fraction("dropout", dropout),
            "bias": bias,
            "adn_ordering": adn_ordering,
        }
        inputs, unstrided = (in_channels, *self.channels), ((1,) * spatial_dims,)
        self.encoder = nn.ModuleList(
            DoubleConvolution(spatial_dims, previous, features, stride, kernel, **options)
            for previous, features, stride in zip(inputs, self.channels, unstrided + self.strides, strict=False)
        )
        levels = zip(self.channels, self.channels[1:], self.strides, strict=False)
        self.decoder = nn.ModuleList(
            GatedDecoderLevel(spatial_dims, fine, coarse, stride, kernel, up_kernel, **options)
            for fine, coarse, stride in reversed(list(levels))
        )
        self.head = Convolution(spatial_dims, self.channels[0], out_channels, kernel_size=1, bias=bias, conv_only=True)
        self.min_grid_voxels = _min_grid_voxels(norm)

    def forward(self, x: Tensor) -> Tensor:
        """Segment an image.

        Args:
            x: image, shape (B, in_channels, H, W[, D]).

        Returns:
            logits, shape (B, out_channels, H, W[, D]).

        Raises:
            ValueError: on a tensor of another rank, with other channels, or too small for the strides.
        """
        return self._decode(self._encode(x))[0]

    def attention_coefficients(self, x: Tensor, resample: bool = True) -> list[Tensor]:
        """What each gate lets pass of its skip connection in this image.

        Args:
            x: image, shape (B, in_channels, H, W[, D]).
            resample: whether to bring the maps to the size of ``x`` (linearly) or leave them on their gates' grids,
                which are one level coarser than the skip connections they weight.

        Returns:
            one map for each gated level, finest first, shape (B, 1, H, W[, D]) or (B, 1, *grid), values in [0, 1].

        Raises:
            ValueError: as :meth:`forward`.
        """
        coefficients = self._decode(self._encode(x))[1]
        if not resample:
            return coefficients
        total, maps = [1.0] * self.spatial_dims, []
        for strides, level in zip(self.strides, coefficients, strict=True):
            total = [t * s for t, s in zip(total, strides, strict=True)]
            fine = F.interpolate(level, scale_factor=total, mode=("bilinear", "trilinear")[self.spatial_dims - 2])
            maps.append(crop_to(fine, x))
        return maps

    def _encode(self, x: Tensor) -> list[Tensor]:
        """Features of every level, finest first."""
        self._check_image(x)
        features = []
        for level in self.encoder:
            x = level(x)
            features.append(x)
        return features

    def _decode(self, features: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Logits, and each gate's coefficients on its own grid, finest first."""
        x = features.pop()
        coefficients: list[Tensor] = []
        for level in self.decoder:
            x, level_coefficients = level(features.pop(), x)
            coefficients.insert(0, level_coefficients)
        return self.head(x), coefficients

    def _check_image(self, x: Tensor) -> None:
        shape = tuple(x.shape)
        axes = "(B, C, H, W)" if self.spatial_dims == 2 else "(B, C, H, W, D)"
        if x.dim() != self.spatial_dims + 2:
            raise ValueError(
                f"image of shape {shape} has {x.dim()} axes, but this {self.spatial_dims}D network needs {axes}"
            )
        if x.shape[1] != self.in_channels:
            raise ValueError(
                f"image of shape {shape} has {x.shape[1]} channels, but this network was built with "
                f"in_channels={self.in_channels}: pass {self.in_channels}, or build it with in_channels={x.shape[1]}"
            )
        grid = 1
        for axis, size in enumerate(x.shape[2:]):
            for strides in self.strides:
                size = -(-size // strides[axis])
            grid *= size
        if grid < self.min_grid_voxels:
            raise ValueError(
                f"image of shape {shape} leaves {grid} voxel(s) after the strides {self.strides}, and its norm needs "
                f"{self.min_grid_voxels}: pad the image (monai.transforms.SpatialPad) or use fewer levels"
            )


class GatedDecoderLevel(nn.Module):
    """One step up: gate the skip connection, upsample, concatenate, convolve.

    Args:
        spatial_dims: 2 or 3.
        channels: features of this level.
        gate_channels: features of the next coarser level.
        strides: how much coarser that level is, one per axis.
        kernel_size: odd kernel size of the convolutions, one per axis.
        up_kernel_size: odd kernel size of the transposed convolution, one per axis.
        options: ``act, norm, dropout, bias, adn_ordering`` of ``monai.networks.blocks.Convolution``.
    """

    def __init__(
        self,
        spatial_dims: int,
        channels: int,
        gate_channels: int,
        strides: Sequence[int],
        kernel_size: Sequence[int],
        up_kernel_size: Sequence[int],
        **options: Any,
    ) -> None:
        super().__init__()
        unstrided = (1,) * spatial_dims
        self.gate = AttentionGate(spatial_dims, channels, gate_channels, strides=strides, **options)
        self.up = UpConvolution(spatial_dims, gate_channels, channels, strides, up_kernel_size, **options)
        self.conv = DoubleConvolution(spatial_dims, 2 * channels, channels, unstrided, kernel_size, **options)

    def forward(self, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """Decode one level.

        Args:
            x: skip connection, shape (B, channels, H, W[, D]).
            g: features of the next coarser level, shape (B, gate_channels, ceil(H / stride), ...).

        Returns:
            features of this level, shape of ``x``, and the gate's coefficients on the grid of ``g``.
        """
        coefficients = self.gate.coefficients(x, g)
        gated = self.gate.apply_coefficients(x, coefficients)
        return self.conv(torch.cat([gated, self.up(g, x)], dim=1)), coefficients


def _check_channels(channels: Sequence[int]) -> tuple[int, ...]:
    if len(channels) < 2:
        raise ValueError(
            f"channels={channels!r} has {len(channels)} level(s): a gate needs a coarser one, give two or more"
        )
    return tuple(check_count("channels", features) for features in channels)


def _check_strides(
    strides: Sequence[Sequence[int] | int], levels: int, spatial_dims: int
) -> tuple[tuple[int, ...], ...]:
    if len(strides) != levels - 1:
        cure = "remove" if len(strides) > levels - 1 else "add"
        raise ValueError(
            f"strides={strides!r} has {len(strides)} entries for {levels} levels in channels: it needs {levels - 1}, "
            f"one for each step down; {cure} {abs(len(strides) - levels + 1)}"
        )
    return tuple(per_axis("strides", stride, spatial_dims) for stride in strides)


def _min_grid_voxels(norm: LayerName | None) -> int:
    """Instance norm has nothing to normalise by on a grid of one voxel, and torch refuses it there."""
    name = norm[0] if isinstance(norm, (tuple, list)) else norm
    return 2 if name is not None and str(name).lower().startswith("instance") else 1
