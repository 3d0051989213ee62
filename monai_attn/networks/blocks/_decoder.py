"""One level of the decoder."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ._attention_gate import AttentionGate
from ._convolution import UpConvolution, level_convolutions

__all__ = ["GatedDecoderLevel"]


class GatedDecoderLevel(nn.Module):
    """One step up: gate the skip connection, upsample, concatenate, convolve.

    Args:
        spatial_dims: 2 or 3.
        channels: features of this level.
        gate_channels: features of the next coarser level.
        strides: how much coarser that level is, one per axis.
        kernel_size: odd kernel size of the convolutions, one per axis.
        up_kernel_size: odd kernel size of the upsampling convolution, one per axis.
        num_res_units: 0 for two plain convolutions, otherwise a residual unit of one convolution, as in MONAI's UNet.
        upsample: how to upsample, see :class:`UpConvolution`.
        gate: arguments of :class:`AttentionGate`; ``None`` leaves the skip connection ungated.
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
        num_res_units: int = 0,
        upsample: str = "deconv",
        gate: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.gate: AttentionGate | None = None
        if gate is not None:
            self.gate = AttentionGate(spatial_dims, channels, gate_channels, strides=strides, **gate, **options)
        self.up = UpConvolution(spatial_dims, gate_channels, channels, strides, up_kernel_size, upsample, **options)
        unstrided = (1,) * spatial_dims
        self.conv = level_convolutions(
            spatial_dims, 2 * channels, channels, unstrided, kernel_size, min(num_res_units, 1), **options
        )

    def forward(self, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor | None]:
        """Decode one level.

        Args:
            x: skip connection, shape (B, channels, H, W[, D]).
            g: features of the next coarser level, shape (B, gate_channels, ceil(H / stride), ...).

        Returns:
            features of this level, shape of ``x``, and the gate's coefficients on the grid of ``g``, where it has one.
        """
        coefficients: Tensor | None = None
        if self.gate is not None:
            coefficients = self.gate.coefficients(x, g)
            x = self.gate.apply_coefficients(x, coefficients)
        return self.conv(torch.cat([x, self.up(g, x)], dim=1)), coefficients
