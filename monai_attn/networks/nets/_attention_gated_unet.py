"""The attention-gated U-Net of Oktay et al. 2018, https://arxiv.org/abs/1804.03999, in 2D and 3D."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from monai.networks.blocks import Convolution
from torch import Tensor, nn

from .._arguments import LayerName, check_count, check_flag, check_fraction, check_layers, check_spatial_dims, per_axis
from ..blocks import GatedDecoderLevel, LogitsHead, crop_to, level_convolutions
from ._arguments import check_channels, check_gate, check_gated_levels, check_image, check_kernels, check_strides

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
        kernel_size: odd kernel size of the convolutions, one number or one per axis; or a list with one entry of either
            kind for each level, finest first (``[[3, 3, 1], 3, 3]`` convolves thick slices one by one at first).
        up_kernel_size: odd kernel size of the upsampling convolutions, one number or one per axis.
        num_res_units: convolutions in each encoder level's residual unit, one in each decoder level's, as in MONAI's
            UNet (Kerfoot et al. 2018); 0 (default) for two plain convolutions in each, as in the paper.
        act: activation by MONAI's name, in every block, the gates included. The paper has ReLU.
        norm: normalisation by MONAI's name, in every block, the gates' output transform included.
        dropout: dropout ratio, in every block, the gates included.
        bias: whether convolutions have a bias, in every block, the gates included.
        adn_ordering: order of activation, dropout and norm.
        upsample: "deconv" (transposed convolution), "nontrainable" (convolution and interpolation), "pixelshuffle".
        gated_levels: which skip connections are gated, 0 the finest; all by default. The paper leaves out 0.
        gate: further arguments of :class:`AttentionGate` by name, such as ``{"mode": "multiplicative"}``.
        deep_supervision: whether training returns logits of every decoder level (Lee et al. 2015).
        stem_strides: strides of the first level, so that the whole U-Net works on a coarser grid than the image's.
        head_channels: features at the image's resolution, where ``stem_strides`` leave that to the head.

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
        kernel_size: Sequence[Sequence[int] | int] | int = 3,
        up_kernel_size: Sequence[int] | int = 3,
        num_res_units: int = 0,
        act: LayerName = "RELU",
        norm: LayerName | None = ("INSTANCE", {"affine": True}),
        dropout: float = 0.0,
        bias: bool = True,
        adn_ordering: str = "NDA",
        upsample: str = "deconv",
        gated_levels: Sequence[int] | None = None,
        gate: Mapping[str, Any] | None = None,
        deep_supervision: bool = False,
        stem_strides: Sequence[int] | int = 1,
        head_channels: int = 8,
    ) -> None:
        super().__init__()
        self.spatial_dims = check_spatial_dims(spatial_dims)
        self.in_channels = check_count("in_channels", in_channels)
        self.out_channels = check_count("out_channels", out_channels)
        self.channels = check_channels(channels)
        self.strides = check_strides(strides, len(self.channels), spatial_dims)
        self.stem_strides = per_axis("stem_strides", stem_strides, spatial_dims)
        check_count("head_channels", head_channels)
        self.gated_levels = check_gated_levels(gated_levels, len(self.strides))
        self.scales = _scales(self.stem_strides, self.strides, self.gated_levels)
        self.deep_supervision = check_flag("deep_supervision", deep_supervision)
        check_flag("bias", bias)
        self.norm = norm
        check_layers(
            act,
            norm,
            adn_ordering,
            spatial_dims,
            (*self.channels, *([head_channels] if max(self.stem_strides) > 1 else [])),
        )
        units = check_count("num_res_units", num_res_units, least=0)
        kernels = check_kernels(kernel_size, len(self.channels), spatial_dims)
        up_kernel = per_axis("up_kernel_size", up_kernel_size, spatial_dims, odd=True)
        gate_arguments = check_gate(gate)
        options: dict[str, Any] = {
            "act": act,
            "norm": norm,
            "dropout": check_fraction("dropout", dropout),
            "bias": bias,
            "adn_ordering": adn_ordering,
        }
        inputs = (in_channels, *self.channels)
        self.encoder = nn.ModuleList(
            level_convolutions(spatial_dims, previous, features, stride, kernel, units, **options)
            for previous, features, stride, kernel in zip(
                inputs, self.channels, (self.stem_strides, *self.strides), kernels, strict=False
            )
        )
        self.decoder = nn.ModuleList(
            GatedDecoderLevel(
                spatial_dims,
                self.channels[level],
                self.channels[level + 1],
                self.strides[level],
                kernels[level],
                up_kernel,
                num_res_units=units,
                upsample=upsample,
                gate=gate_arguments if level in self.gated_levels else None,
                **options,
            )
            for level in reversed(range(len(self.strides)))
        )
        self.head = LogitsHead(
            spatial_dims,
            self.channels[0],
            out_channels,
            strides=self.stem_strides,
            channels=head_channels,
            kernel_size=kernels[0],
            up_kernel_size=up_kernel,
            upsample=upsample,
            **options,
        )
        # They exist even where they are not used, so that checkpoints load either way; frozen, DDP does not miss them.
        self.side_heads = nn.ModuleList(
            Convolution(spatial_dims, features, out_channels, kernel_size=1, bias=bias, conv_only=True)
            for features in reversed(self.channels[0 if self.head.upsamples else 1 : -1])
        ).requires_grad_(deep_supervision)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Segment an image.

        Args:
            x: image, shape (B, in_channels, H, W[, D]).

        Returns:
            logits, shape (B, out_channels, H, W[, D]); in training with ``deep_supervision`` a list of logits, highest
            resolution first, each at its level's own, as ``monai.losses.DeepSupervisionLoss`` takes it.

        Raises:
            ValueError: on a tensor of another rank, with other channels, or too small for the strides.
        """
        decoded, _ = self._decode(self._encode(x))
        logits: Tensor = self.head(decoded[-1], x)
        if not (self.training and self.deep_supervision):
            return logits
        outputs = [logits]
        for level, head in enumerate(self.side_heads):
            outputs.insert(1, head(decoded[level]))
        return outputs

    @torch.jit.unused
    def attention_coefficients(self, x: Tensor, resample: bool = True) -> list[Tensor]:
        """What each gate lets pass of its skip connection in this image, as in evaluation whatever the mode.

        Args:
            x: image, shape (B, in_channels, H, W[, D]).
            resample: whether to bring the maps to the size of ``x`` (linearly) or leave them on their gates' grids,
                which are one level coarser than the skip connections they weight.

        Returns:
            one map for each gated level, finest first, shape (B, num_gates, H, W[, D]) or (B, num_gates, *grid), values
            in [0, 1].

        Raises:
            ValueError: as :meth:`forward`.
        """
        modes = [(module, module.training) for module in self.modules()]
        try:  # in training, batch norm would learn from this image, and dropout would use up random numbers
            self.eval()
            _, coefficients = self._decode(self._encode(x))
        finally:
            for module, training in modes:
                module.training = training
        if not resample:
            return coefficients
        mode, maps = ("bilinear", "trilinear")[self.spatial_dims - 2], []
        for level, scale in zip(coefficients, self.scales, strict=True):
            maps.append(crop_to(F.interpolate(level, scale_factor=scale, mode=mode), x))
        return maps

    def _encode(self, x: Tensor) -> list[Tensor]:
        """Features of every level, finest first."""
        if not torch.jit.is_scripting():
            strides = (self.stem_strides, *self.strides)
            check_image(x, self.in_channels, strides, self.norm, self.channels[-1], self.training)
        features: list[Tensor] = []
        for level in self.encoder:
            x = level(x)
            features.append(x)
        return features

    def _decode(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Features of every decoder level, coarsest first, and the gates' coefficients, finest first."""
        x = features.pop()
        decoded: list[Tensor] = []
        coefficients: list[Tensor] = []
        for level in self.decoder:
            x, level_coefficients = level(features.pop(), x)
            decoded.append(x)
            if level_coefficients is not None:
                coefficients.insert(0, level_coefficients)
        return decoded, coefficients


def _scales(
    stem_strides: tuple[int, ...], strides: Sequence[tuple[int, ...]], gated_levels: Sequence[int]
) -> list[list[float]]:
    """Factors from each gated level's grid of coefficients to the image's, finest first."""
    total, scales = [float(s) for s in stem_strides], []
    for level, stride in enumerate(strides):
        total = [a * b for a, b in zip(total, stride, strict=True)]
        if level in gated_levels:
            scales.append(total)
    return scales
