"""The attention gate of Oktay et al. 2018, https://arxiv.org/abs/1804.03999."""

from collections.abc import Sequence
from typing import Any

import torch
from monai.networks.blocks import Convolution
from monai.networks.layers import get_act_layer
from torch import Tensor, nn

from .._arguments import (
    LayerName,
    check_choice,
    check_count,
    check_flag,
    check_fraction,
    check_layers,
    check_spatial_dims,
    per_axis,
)
from ._resize import FarEndPad, crop_to

__all__ = ["AttentionGate"]

OPEN = 0.95  # what an open gate lets pass at the start


class AttentionGate(nn.Module):
    r"""Weight a skip connection, voxel by voxel, by what the next coarser level has seen.

    .. code-block:: text

        x (fine) --- theta: strided conv ---+
                                            add - act - psi: 1x1 conv to 1 channel - sigmoid - upsample - (*) x - output
        g (coarse) -- phi: 1x1 conv --------+

    The coefficients are computed on the grid of ``g``, and one channel for each gate is all that is upsampled. Each
    coarse voxel j of an axis with stride s stands for the fine voxels from j * s to j * s + s - 1, so on sizes that s
    does not divide ``x`` is padded at its far end on the way down (35 -> 18) and the coefficients are cropped there on
    the way up.

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
        mode: "additive", ``psi(act(theta(x) + phi(g)))``, as above; or "multiplicative", ``psi(theta(x) * phi(g))``, a
            weighted dot product (Luong et al. 2015, https://arxiv.org/abs/1508.04025), which the paper compares.
        normalization: "sigmoid", each voxel by itself; or "softmax" over the image, scaled to a maximum of 1.
        num_gates: gates that look at ``x`` side by side, each with its own theta, phi and psi (the multi-gate of
            Oktay's code). The output transform joins what they pass; without it, the coefficients' mean weights ``x``.
        output_transform: whether the 1x1 convolution and norm follow the multiplication.
        open_start: begin with coefficients of 0.95 and an output transform that is the identity (and so without norm),
            so that trained weights of the ungated network behave almost as before. Sigmoid and bias only.

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
        mode: str = "additive",
        normalization: str = "sigmoid",
        num_gates: int = 1,
        output_transform: bool = True,
        open_start: bool = False,
    ) -> None:
        super().__init__()
        check_spatial_dims(spatial_dims)
        check_count("in_channels", in_channels)
        check_count("gate_channels", gate_channels)
        check_count("num_gates", num_gates)
        check_flag("bias", bias)
        check_flag("output_transform", output_transform)
        check_flag("open_start", open_start)
        dropout = check_fraction("dropout", dropout)
        check_layers(act, norm, adn_ordering, spatial_dims, [in_channels])
        check_choice("interp_mode", interp_mode, ("linear", "nearest"))
        self.additive = check_choice("mode", mode, ("additive", "multiplicative")) == "additive"
        self.sigmoid = check_choice("normalization", normalization, ("sigmoid", "softmax")) == "sigmoid"
        if open_start and not (self.sigmoid and bias):
            raise ValueError(
                f"open_start={open_start} needs a sigmoid and a bias to open the gates with, but "
                f"normalization={normalization!r} and bias={bias}: leave it out, or use 'sigmoid' and bias=True"
            )
        inter = max(1, in_channels // 2) if inter_channels is None else check_count("inter_channels", inter_channels)
        self.strides = per_axis("strides", strides, spatial_dims)
        kernel = self.strides if kernel_size is None else per_axis("kernel_size", kernel_size, spatial_dims)
        if any(k not in (1, s) for k, s in zip(kernel, self.strides, strict=True)):
            raise ValueError(
                f"kernel_size={kernel_size!r} must be 1 or the strides {self.strides}: leave it out or use 1"
            )
        everywhere = inter * num_gates
        self.pad = FarEndPad(self.strides, kernel)
        self.theta = Convolution(
            spatial_dims,
            in_channels,
            everywhere,
            strides=self.strides,
            kernel_size=kernel,
            padding=0,
            bias=bias,
            conv_only=True,
        )
        self.phi = Convolution(spatial_dims, gate_channels, everywhere, kernel_size=1, bias=bias, conv_only=True)
        self.act = get_act_layer(act) if self.additive else nn.Identity()
        # groups keep the gates apart: each psi sees the channels of its own theta and phi alone
        self.psi = Convolution(
            spatial_dims, everywhere, num_gates, kernel_size=1, groups=num_gates, bias=bias, conv_only=True
        )
        linear = ("bilinear", "trilinear")[spatial_dims - 2]
        self.upsample = nn.Upsample(
            scale_factor=tuple(float(s) for s in self.strides),
            mode=linear if interp_mode == "linear" else "nearest",
            align_corners=False if interp_mode == "linear" else None,
        )
        self.num_gates = num_gates
        self.output: nn.Module | None = None
        if output_transform:
            self.output = Convolution(
                spatial_dims,
                in_channels * num_gates,
                in_channels,
                kernel_size=1,
                act=None,
                norm=None if open_start else norm,
                dropout=dropout,
                bias=bias,
                adn_ordering=adn_ordering,
            )
        if open_start:
            self._open(in_channels)

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """Gate ``x``; for the shapes and errors see :meth:`coefficients`.

        Returns:
            the gated skip connection, shape of ``x``.
        """
        return self.apply_coefficients(x, self.coefficients(x, g))

    def coefficients(self, x: Tensor, g: Tensor) -> Tensor:
        """Attention coefficients on the grid of ``g``.

        Args:
            x: skip connection, shape (B, in_channels, H, W[, D]).
            g: gating signal, shape (B, gate_channels, ceil(H / stride), ceil(W / stride)[, ceil(D / stride)]).

        Returns:
            shape (B, num_gates, ...) with the spatial size of ``g``, values in [0, 1].

        Raises:
            ValueError: on another rank or number of channels, or when the grid of ``g`` is not that of ``x`` divided by
                the strides, rounded up.
        """
        if not torch.jit.is_scripting():
            self._check_tensors(x, g)
        theta, phi = self.theta(self.pad(x)), self.phi(g)
        q: Tensor = self.psi(self.act(theta + phi)) if self.additive else self.psi(theta * phi)
        if self.sigmoid:
            return q.sigmoid()
        largest = q.flatten(2).amax(dim=2).reshape([q.shape[0], q.shape[1]] + [1] * (q.dim() - 2))
        return (q - largest).exp()

    def apply_coefficients(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """Multiply ``x`` with coefficients from the coarse grid and apply the output transform."""
        if self.output is None:
            return x * crop_to(self.upsample(coefficients.mean(dim=1, keepdim=True)), x)
        fine = crop_to(self.upsample(coefficients), x)
        passed = [x * fine[:, k : k + 1] for k in range(self.num_gates)]
        transformed: Tensor = self.output(torch.cat(passed, dim=1) if self.num_gates > 1 else passed[0])
        return transformed

    @torch.jit.unused
    def _check_tensors(self, x: Tensor, g: Tensor) -> None:
        for name, tensor, channels in (("x", x, self.theta.in_channels), ("g", g, self.phi.in_channels)):
            if tensor.dim() != len(self.strides) + 2 or tensor.shape[1] != channels:
                raise ValueError(
                    f"{name} has shape {tuple(tensor.shape)}, but this {len(self.strides)}D gate takes {channels} "
                    f"channels there: pass (B, {channels}, spatial size), or build it for the shape you have"
                )
        if x.shape[0] != g.shape[0]:
            raise ValueError(
                f"x of shape {tuple(x.shape)} and g of shape {tuple(g.shape)} are not of one batch: pair them"
            )
        if torch.compiler.is_exporting():
            return  # a check of sizes would become a bound on the exported sizes
        grid = tuple(-(-n // stride) for n, stride in zip(x.shape[2:], self.strides, strict=True))
        if tuple(g.shape[2:]) != grid:
            raise ValueError(
                f"g has spatial size {tuple(g.shape[2:])}, but x of {tuple(x.shape[2:])} with strides {self.strides} "
                f"needs {grid}: pass the features of the next coarser level at their own resolution"
            )

    @torch.no_grad()
    def _open(self, in_channels: int) -> None:
        psi: Any = self.psi.conv
        nn.init.normal_(psi.weight, std=1e-3)  # not 0, which would keep gradients from theta and phi
        nn.init.constant_(psi.bias, float(torch.logit(torch.tensor(OPEN))))
        if self.output is not None:
            output: Any = self.output.conv
            nn.init.zeros_(output.bias)
            identity = torch.eye(in_channels).repeat(1, self.num_gates) / self.num_gates
            output.weight.copy_(identity.reshape(output.weight.shape))
