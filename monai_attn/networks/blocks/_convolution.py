"""Convolution blocks of the encoder and decoder, over MONAI's own."""

from collections.abc import Sequence
from typing import Any

from monai.networks.blocks import ADN, Convolution, ResidualUnit, UpSample
from torch import Tensor, nn

from .._arguments import check_choice
from ._resize import crop_to

__all__ = ["DoubleConvolution", "UpConvolution", "level_convolutions"]

UPSAMPLE_MODES = ("deconv", "nontrainable", "pixelshuffle")


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


def level_convolutions(
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    strides: Sequence[int],
    kernel_size: Sequence[int],
    num_res_units: int,
    **options: Any,
) -> nn.Module:
    """A residual unit of ``num_res_units`` convolutions (MONAI's), or :class:`DoubleConvolution` for 0."""
    arguments = (spatial_dims, in_channels, out_channels, strides, kernel_size)
    if num_res_units == 0:
        return DoubleConvolution(*arguments, **options)
    unit: nn.Module = ResidualUnit(*arguments, subunits=num_res_units, **options)
    return unit


class UpConvolution(nn.Module):
    """Upsample from the next coarser level, cropped to the skip connection's size.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the coarser level.
        out_channels: channels of this level.
        strides: how much coarser that level is, one per axis.
        kernel_size: odd kernel size, one per axis.
        mode: "deconv", a transposed convolution; "nontrainable", a convolution and linear interpolation of its result;
            "pixelshuffle", which needs one stride for all axes.
        options: ``act, norm, dropout, bias, adn_ordering`` of ``monai.networks.blocks.Convolution``.

    Raises:
        ValueError: on an unknown mode, or strides or a kernel that pixel shuffle cannot follow.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        strides: Sequence[int],
        kernel_size: Sequence[int],
        mode: str = "deconv",
        **options: Any,
    ) -> None:
        super().__init__()
        check_choice("upsample", mode, UPSAMPLE_MODES)
        if mode == "pixelshuffle" and len(set(strides)) > 1:
            raise ValueError(
                f"upsample='pixelshuffle' with strides={tuple(strides)}: MONAI's pixel shuffle takes the first stride "
                "for every axis; use 'deconv' or 'nontrainable' with strides that differ between axes"
            )
        if mode == "pixelshuffle" and any(size != 3 for size in kernel_size):
            raise ValueError(
                f"upsample='pixelshuffle' with up_kernel_size={tuple(kernel_size)}: MONAI's pixel shuffle has one "
                "of 3; leave up_kernel_size out, or use another way of upsampling"
            )
        arguments = (spatial_dims, in_channels, out_channels)
        if mode == "deconv":
            self.conv: nn.Module = Convolution(
                *arguments, strides=strides, kernel_size=kernel_size, is_transposed=True, **options
            )
        elif mode == "nontrainable":  # the convolution comes first, on the coarse grid, where it is cheap
            self.conv = nn.Sequential(
                Convolution(*arguments, kernel_size=kernel_size, **options),
                UpSample(spatial_dims, out_channels, out_channels, strides, mode=mode, align_corners=False),
            )
        else:
            adn = {key: options[key] for key in ("act", "norm", "dropout")}
            self.conv = nn.Sequential(
                UpSample(*arguments, strides, mode=mode, bias=options["bias"]),
                ADN(options["adn_ordering"], out_channels, norm_dim=spatial_dims, dropout_dim=1, **adn),
            )

    def forward(self, g: Tensor, skip: Tensor) -> Tensor:
        """Upsample ``g`` and crop the surplus of sizes that the strides do not divide.

        Returns:
            shape (B, out_channels, ...) with the spatial size of ``skip``.
        """
        return crop_to(self.conv(g), skip)
