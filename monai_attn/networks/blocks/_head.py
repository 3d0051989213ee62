"""From features to logits."""

from collections.abc import Sequence
from typing import Any

import torch
from monai.networks.blocks import Convolution
from torch import Tensor, nn

from ._convolution import UpConvolution

__all__ = ["LogitsHead"]

MEMORY_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


class LogitsHead(nn.Module):
    """1x1 convolution to the classes; from a coarser grid than the image's, first up to it with few features.

    Args:
        spatial_dims: 2 or 3.
        in_channels: features.
        out_channels: classes.
        strides: how much coarser than the image the features are, one per axis.
        channels: features at the image's resolution, where the strides are not all 1.
        kernel_size: odd kernel size of the last convolution after upsampling, one per axis.
        up_kernel_size: odd kernel size of the upsampling convolution, one per axis.
        upsample: how to upsample, see :class:`UpConvolution`.
        options: ``act, norm, dropout, bias, adn_ordering`` of ``monai.networks.blocks.Convolution``.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        strides: Sequence[int],
        channels: int,
        kernel_size: Sequence[int],
        up_kernel_size: Sequence[int],
        upsample: str,
        **options: Any,
    ) -> None:
        super().__init__()
        self.up: UpConvolution | None = None
        self.upsamples = any(stride > 1 for stride in strides)
        if self.upsamples:
            self.up = UpConvolution(spatial_dims, in_channels, channels, strides, up_kernel_size, upsample, **options)
            in_channels = channels
        self.conv = Convolution(
            spatial_dims,
            in_channels,
            out_channels,
            kernel_size=kernel_size if self.upsamples else 1,
            bias=options["bias"],
            conv_only=True,
        )

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """Logits of the spatial size of ``image``, shape (B, out_channels, ...)."""
        if self.up is not None:
            x = self.up(x, image)
            if not torch.jit.is_scripting():  # noqa: SIM102 (TorchScript skips the block of this very test)
                if x.device.type == "cpu" and x.is_contiguous() and not _captured():
                    # From few channels to few, oneDNN takes a fraction of the time with the channels last.
                    last: Tensor = self.conv(x.contiguous(memory_format=MEMORY_FORMATS[x.dim()]))
                    return last.contiguous()
        logits: Tensor = self.conv(x)
        return logits


def _captured() -> bool:
    """Whether the network is being compiled, exported or traced, where the memory's order is not ours to choose."""
    return torch.compiler.is_compiling() or bool(torch.jit.is_tracing())  # type: ignore[no-untyped-call]
