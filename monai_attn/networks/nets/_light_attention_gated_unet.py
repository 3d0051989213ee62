"""An attention-gated U-Net that is cheap to train without a GPU."""

from collections.abc import Mapping, Sequence
from typing import Any

from .._arguments import LayerName
from ._attention_gated_unet import AttentionGatedUNet

__all__ = ["LightAttentionGatedUNet"]


class LightAttentionGatedUNet(AttentionGatedUNet):
    """An :class:`AttentionGatedUNet` whose U-Net works at half the image's resolution: much less to compute.

    Full-resolution convolutions are nearly the whole cost of a U-Net. Here a strided residual stem takes the image to
    half its resolution, gates and decoder work there and below, and a small head brings the result back. All arguments
    are those of :class:`AttentionGatedUNet`, with other defaults. Its gates start open and have no output transform,
    which is most of what a gate costs. Its activation is a leaky ReLU (Maas et al. 2013), since plain ReLUs that die
    among as few features as the head has cost accuracy.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        channels: Sequence[int],
        strides: Sequence[Sequence[int] | int],
        num_res_units: int = 2,
        act: LayerName = ("LEAKYRELU", {"negative_slope": 0.1}),
        stem_strides: Sequence[int] | int = 2,
        head_channels: int = 4,
        gate: Mapping[str, Any] | None = None,
        bias: bool = True,
        **options: Any,
    ) -> None:
        if gate is None:
            gate = {"output_transform": False, "open_start": bias}  # without a bias there is nothing to open them with
        super().__init__(
            spatial_dims,
            in_channels,
            out_channels,
            channels,
            strides,
            num_res_units=num_res_units,
            act=act,
            stem_strides=stem_strides,
            head_channels=head_channels,
            gate=gate,
            bias=bias,
            **options,
        )
