"""Sizes that strides do not divide: pad the far end on the way down, crop it on the way up."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["FarEndPad", "crop_to"]


def crop_to(tensor: Tensor, reference: Tensor) -> Tensor:
    """Crop the far end of each spatial axis of ``tensor`` (B, C, ...) to the spatial size of ``reference``."""
    if not torch.jit.is_scripting():  # noqa: SIM102 (TorchScript skips the block of this very test)
        if torch.compiler.is_exporting():
            # A slice would be exported as one fixed parity of the example's sizes; an index is computed from each size.
            for axis in range(2, tensor.dim()):
                tensor = tensor.index_select(axis, torch.arange(reference.shape[axis], device=tensor.device))
            return tensor
    for axis in range(2, tensor.dim()):
        if tensor.shape[axis] != reference.shape[axis]:
            tensor = tensor.narrow(axis, 0, reference.shape[axis])
    return tensor


class FarEndPad(nn.Module):
    """Zeros at the far end, so that a convolution with ``kernel_size`` and ``strides`` has ceil(n / stride) outputs.

    Args:
        strides: one per axis.
        kernel_size: one per axis, at most the stride.
    """

    def __init__(self, strides: Sequence[int], kernel_size: Sequence[int]) -> None:
        super().__init__()
        self.strides = tuple(strides)
        self.far_end: list[int] = []
        for kernel in reversed(tuple(kernel_size)):
            self.far_end += [0, kernel - 1]  # padding that no window reaches changes nothing: right for every size
        self.needed = any(self.far_end)

    def forward(self, x: Tensor) -> Tensor:
        """Pad ``x`` (B, C, ...) where a stride does not divide its size."""
        if not self.needed:
            return x
        if not torch.jit.is_scripting():  # noqa: SIM102 (as in crop_to)
            if torch.compiler.is_exporting():
                return F.pad(x, self.far_end)
        divisible = True
        for axis, stride in enumerate(self.strides):
            divisible = divisible and x.shape[axis + 2] % stride == 0
        return x if divisible else F.pad(x, self.far_end)
