"""Convolution blocks of the encoder and decoder, over ``monai.networks.blocks.Convolution``."""

from collections.abc import Sequence
from typing import Any

from monai.networks.blocks import Convolution
from torch import Tensor, nn

__all__ = ["DoubleConvolution", "UpConvolution", "crop_to"]


def crop_to(tensor: Tensor, reference: Tensor) -> Tensor:
    """Crop the far end of each spatial axis of ``tensor`` (B, C, ...) to the spatial size of ``reference``."""
    if tensor.shape[2:] == reference.shape[2:]:
        return tensor
    for axis in range(2, tensor.dim()):
        tensor = tensor.narrow(axis, 0, reference.shape[axis])
    return tensor


class DoubleConvolution(nn.Sequential):
    """Two convolutions with norm, dropout and activation; the first one may be strided.

    Args:
        spatial_dims: 2 or 3.
        in_channels: input channels.
        out_channels: channels of both convolutions.
        strides: stride of the first convolution, one per axis. An axis of size n comes out as ceil(n / stride).
        kernel_size: odd kernel size, one per axis.
        options: ``act, norm, dropout, bias, adn_ordering`` of ``monai.networks.blocks.Convolution``.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        strides: Sequence[int],
        kernel_size: Sequence[int],
        **options: Any,
    ) -> None:
        super().__init__(
            Convolution(spatial_dims, in_channels, out_channels, strides=strides, kernel_size=kernel_size, **options),
            Convolution(spatial_dims, out_channels, out_channels, kernel_size=kernel_size, **options),
        )


class UpConvolution(nn.Module):
    """Transposed convolution from the next coarser level, cropped to the skip connection's size.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the coarser level.
        out_channels: channels of this level.
        strides: how much coarser that level is, one per axis.
        kernel_size: odd kernel size, one per axis.
        options: ``act, norm, dropout, bias, adn_ordering`` of ``monai.networks.blocks.Convolution``.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        strides: Sequence[int],
        kernel_size: Sequence[int],
        **options: Any,
    ) -> None:
        super().__init__()
        self.conv = Convolution(
            spatial_dims,
            in_channels,
            out_channels,
            strides=strides,
            kernel_size=kernel_size,
            is_transposed=True,
            **options,
        )

    def forward(self, g: Tensor, skip: Tensor) -> Tensor:
        """Upsample ``g`` and crop the surplus of sizes that the strides do not divide.

        Returns:
            shape (B, out_channels, ...) with the spatial size of ``skip``.
        """
        return crop_to(self.conv(g), skip)
