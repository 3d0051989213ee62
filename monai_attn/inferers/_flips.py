"""Test-time flips."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import torch
from monai.inferers import Inferer
from torch import Tensor

__all__ = ["FlipAveragingInferer", "average_flips"]

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
            ValueError: when an axis is not one of the image's.
        """
        return average_flips(self.inferer, inputs, self.axes, self.swap, network, *args, **kwargs)


def average_flips(
    infer: Callable[..., Any],
    inputs: Tensor,
    axes: Sequence[int],
    swap: Sequence[Sequence[int]],
    *args: Any,
    **kwargs: Any,
) -> Tensor:
    """Mean of ``infer(flipped inputs, *args, **kwargs)`` over all combinations of axes, each flipped back.

    Args:
        infer: gives the logits of an image.
        inputs: images, shape (B, C, H, W[, D]).
        axes: see :class:`FlipAveragingInferer`.
        swap: see there.
        args: passed on.
        kwargs: passed on.

    Raises:
        ValueError: when an axis is not one of the image's.
    """
    outside = [axis for axis in axes if axis not in range(inputs.ndim - 2)]
    if outside:
        raise ValueError(
            f"flip axes {list(axes)}: the image of shape {tuple(inputs.shape)} has no spatial axis {outside[0]}; "
            f"use some of {list(range(inputs.ndim - 2))}"
        )
    choices = [some for count in range(len(axes) + 1) for some in combinations(axes, count)]
    total: Tensor = infer(inputs, *args, **kwargs)
    for some in choices[1:]:
        dims = [axis + 2 for axis in some]
        logits = torch.flip(infer(torch.flip(inputs, dims), *args, **kwargs), dims)
        total = total + (_swapped(logits, swap) if LEFT_RIGHT in some else logits)
    return total / len(choices)


def _swapped(logits: Tensor, swap: Sequence[Sequence[int]]) -> Tensor:
    order = list(range(logits.shape[1]))
    for one, other in swap:
        order[one], order[other] = other, one
    return logits[:, order]
