"""Test-time flips."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import torch
from monai.inferers import Inferer
from torch import Tensor

__all__ = ["FlipAveragingInferer"]

LEFT_RIGHT = 0  # in RAS


class FlipAveragingInferer(Inferer):
    """Mean of the logits over flipped copies of the image, each flipped back.

    With n axes, the image goes through 2**n times. Where the first axis runs from left to right and two classes are
    the two sides of one organ, their channels change places together with the sides.

    Args:
        inferer: what computes the logits of one copy.
        axes: spatial axes to flip, 0 the first; none switches the flips off.
        swap: pairs of channels that change places under a flip along axis 0, from left to right for images in RAS, such
            as ``[[3, 4]]``.
    """

    def __init__(
        self,
        inferer: Inferer,
        axes: Sequence[int] = (),
        swap: Sequence[Sequence[int]] = (),
    ) -> None:
        super().__init__()
        self.inferer = inferer
        self.axes = list(axes)
        self.swap = [tuple(pair) for pair in swap]

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
        """Logits of ``inputs``, shape (B, C, H, W[, D]) and (B, classes, H, W[, D]).

        Raises:
            ValueError: when an axis is none of the image's.
        """
        outside = [axis for axis in self.axes if axis not in range(inputs.ndim - 2)]
        if outside:
            raise ValueError(
                f"flip axes {self.axes}: the image of shape {tuple(inputs.shape)} has no spatial axis {outside[0]}; "
                f"use some of {list(range(inputs.ndim - 2))}"
            )
        choices = [axes for count in range(len(self.axes) + 1) for axes in combinations(self.axes, count)]
        total: Tensor = self._flipped(inputs, network, choices[0], *args, **kwargs)
        for axes in choices[1:]:
            total = total + self._flipped(inputs, network, axes, *args, **kwargs)
        return total / len(choices)

    def _flipped(
        self, inputs: Tensor, network: Callable[..., Any], axes: Sequence[int], *args: Any, **kwargs: Any
    ) -> Tensor:
        dims = [axis + 2 for axis in axes]
        logits: Tensor = self.inferer(torch.flip(inputs, dims), network, *args, **kwargs)
        logits = torch.flip(logits, dims)
        if LEFT_RIGHT in axes:
            order = list(range(logits.shape[1]))
            for one, other in self.swap:
                order[one], order[other] = other, one
            logits = logits[:, order]
        return logits
