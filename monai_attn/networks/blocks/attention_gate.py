"""The additive attention gate of Oktay et al. 2018, https://arxiv.org/abs/1804.03999."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.networks.blocks import Convolution
from monai.networks.layers import get_act_layer
from torch import Tensor, nn

from ..arguments import LayerName, check_count, check_fraction, check_spatial_dims, per_axis
from .convolution import crop_to

__all__ = ["AttentionGate"]


class AttentionGate(nn.Module):
    r"""Weight a skip connection, voxel by voxel, by what the next coarser level has seen.

    .. code-block:: text

        x (fine) --- theta: strided conv ---+
                                            add - act - psi: 1x1 conv to 1 channel - sigmoid - upsample - (*) x - output
        g (coarse) -- phi: 1x1 conv --------+

    The coefficients are computed on the grid of ``g``, and one channel alone is upsampled. Each coarse voxel j of an
    axis with stride s stands for the fine voxels from j * s to j * s + s - 1, so on sizes that s does not divide
    ``x`` is padded at its far end on the way down (35 -> 18) and the coefficients are cropped there on the way up.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the skip connection ``x``.
        gate_channels: channels of the gating signal ``g``.
        inter_channels: channels in which the two are compared. Default: half of ``in_channels``, at least 1.
        strides: how much coarser the grid of ``g`` is, one number or one per axis.
        kernel_size: kernel of theta; ``None`` (default) takes the strides, so that theta sees every voxel of ``x``;
            1 samples one voxel of each stride.
        interp_mode: how coefficients are upsampled, "linear" (bi- or trilinear) or "nearest".
        act: activation after the addition, by MONAI's name. The paper has ReLU.
        norm: normalisation of the output transform, by MONAI's name. psi is never normalised.
        dropout: dropout ratio in the output transform.
        bias: whether the convolutions have a bias.
        adn_ordering: order of activation, dropout and norm in the output transform (which has no activation).

    Raises:
        ValueError: on an unusable argument, with its name, value and the cure.

    Example::

        gate = AttentionGate(spatial_dims=3, in_channels=16, gate_channels=32)
        x, g = torch.rand(1, 16, 35, 51, 35), torch.rand(1, 32, 18, 26, 18)
        gate(x, g).shape  # (1, 16, 35, 51, 35)
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        gate_channels: int,
        inter_channels: int | None = None,
        strides: Sequence[int] | int = 2,
        kernel_size: Sequence[int] | int | None = None,
        interp_mode: str = "linear",
        act: LayerName = "RELU",
        norm: LayerName | None = ("INSTANCE", {"affine": True}),
        dropout: float = 0.0,
        bias: bool = True,
        adn_ordering: str = "NDA",
    ) -> None:
        super().__init__()
        check_spatial_dims(spatial_dims)
        check_count("in_channels", in_channels)
        check_count("gate_channels", gate_channels)
        check_fraction("dropout", dropout)
        inter = max(1, in_channels // 2) if inter_channels is None else check_count("inter_channels", inter_channels)
        self.strides = per_axis("strides", strides, spatial_dims)
        kernel = self.strides if kernel_size is None else per_axis("kernel_size", kernel_size, spatial_dims)
        if any(k not in (1, s) for k, s in zip(kernel, self.strides, strict=True)):
            raise ValueError(
                f"kernel_size={kernel_size!r} must be 1 or the strides {self.strides}: leave it out or use 1"
            )
        modes = {"linear": ("bilinear", "trilinear")[spatial_dims - 2], "nearest": "nearest"}
        if interp_mode not in modes:
            raise ValueError(f"interp_mode={interp_mode!r} is unknown: use 'linear' or 'nearest'")

        def conv1x1(inputs: int, outputs: int) -> Convolution:
            return Convolution(spatial_dims, inputs, outputs, kernel_size=1, bias=bias, conv_only=True)

        self.theta = Convolution(
            spatial_dims,
            in_channels,
            inter,
            strides=self.strides,
            kernel_size=kernel,
            padding=0,
            bias=bias,
            conv_only=True,
        )
        self.phi = conv1x1(gate_channels, inter)
        self.act = get_act_layer(act)
        self.psi = conv1x1(inter, 1)
        scale = tuple(float(s) for s in self.strides)
        self.upsample = nn.Upsample(
            scale_factor=scale, mode=modes[interp_mode], align_corners=False if interp_mode == "linear" else None
        )
        self.output = Convolution(
            spatial_dims,
            in_channels,
            in_channels,
            kernel_size=1,
            act=None,
            norm=norm,
            dropout=dropout,
            bias=bias,
            adn_ordering=adn_ordering,
        )

    def coefficients(self, x: Tensor, g: Tensor) -> Tensor:
        """Attention coefficients on the grid of ``g``.

        Args:
            x: skip connection, shape (B, in_channels, H, W[, D]).
            g: gating signal, shape (B, gate_channels, ceil(H / stride), ceil(W / stride)[, ceil(D / stride)]).

        Returns:
            shape (B, 1, ...) with the spatial size of ``g``, values in [0, 1].

        Raises:
            ValueError: when the grid of ``g`` is not that of ``x`` divided by the strides, rounded up.
        """
        far_end: list[int] = []
        for size, stride in zip(reversed(x.shape[2:]), reversed(self.strides), strict=True):
            far_end += [0, -size % stride]
        theta = self.theta(F.pad(x, far_end))
        if theta.shape[2:] != g.shape[2:]:
            raise ValueError(
                f"g has spatial size {tuple(g.shape[2:])}, but x of {tuple(x.shape[2:])} with strides {self.strides} "
                f"needs {tuple(theta.shape[2:])}: pass the features of the next coarser level at their own resolution"
            )
        return torch.sigmoid(self.psi(self.act(theta + self.phi(g))))

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """Gate ``x``; for the shapes and errors see :meth:`coefficients`.

        Returns:
            the gated skip connection, shape of ``x``.
        """
        return self.apply_coefficients(x, self.coefficients(x, g))

    def apply_coefficients(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """Multiply ``x`` with coefficients from the coarse grid and apply the output transform."""
        gated: Tensor = self.output(x * crop_to(self.upsample(coefficients), x))
        return gated
