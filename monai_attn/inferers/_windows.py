"""The sliding window of the bundles: 2D and 3D, on images and on stacks of slices, with test-time flips."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from monai.inferers import SlidingWindowInferer
from monai.utils import ensure_tuple
from torch import Tensor

from ._flips import average_flips
from ._slices import SlicewiseInferer

__all__ = ["WindowInferer"]


class WindowInferer(SlicewiseInferer):
    """``monai.inferers.SlidingWindowInferer``, also for a 2D network on a stack of slices, and with test-time flips.

    One component with MONAI's arguments, so that a program or a command line may set, say, ``inferer::roi_size``.

    Args:
        roi_size: size of the window; two numbers for a 2D network.
        flip_axes: spatial axes to flip; the logits are the mean over all combinations. None switches flips off.
        swap: pairs of channels that change places under a flip along axis 0, from left to right for images in RAS, such
            as ``[[3, 4]]``.
        window: further arguments of ``SlidingWindowInferer`` in a mapping, for configs that share them, such as
            ``cval``, what is put around an image that is smaller than the window.
        options: further arguments of it, which go before those of ``window``.
    """

    def __init__(
        self,
        roi_size: Any,
        flip_axes: Sequence[int] = (),
        swap: Sequence[Sequence[int]] = (),
        window: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(roi_size, **{**(window or {}), **options})
        self.flip_axes, self.swap = list(flip_axes), [tuple(pair) for pair in swap]

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Logits of ``inputs``, shape (B, C, H, W[, D]) and (B, classes, H, W[, D]).

        Raises:
            ValueError: when an axis to flip is not one of the image's.
        """
        kind = SlicewiseInferer if len(ensure_tuple(self.roi_size)) == 2 else SlidingWindowInferer
        infer = partial(kind.__call__, self)
        if not self.flip_axes:
            return infer(inputs, network, *args, **kwargs)
        return average_flips(infer, inputs, self.flip_axes, self.swap, network, *args, **kwargs)
