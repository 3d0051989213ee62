"""A 2D network on images and on stacks of them."""

from collections.abc import Callable
from typing import Any

from monai.inferers import SliceInferer, SlidingWindowInferer
from torch import Tensor

__all__ = ["SlicewiseInferer"]


class SlicewiseInferer(SlidingWindowInferer):
    """Sliding window of a 2D network over a 2D image, or slice by slice over a 3D stack.

    MONAI's ``SlidingWindowInferer`` takes the one and its ``SliceInferer`` the other; this one goes by the rank of what
    it is given.

    Args:
        roi_size: size of the window, two numbers.
        spatial_dim: axis of the stack along which the slices lie.
        options: further arguments of ``monai.inferers.SlidingWindowInferer``.
    """

    def __init__(self, roi_size: Any, spatial_dim: int = 2, **options: Any) -> None:
        super().__init__(roi_size, **options)
        self.stack_inferer = SliceInferer(spatial_dim, roi_size, **options)

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Logits of ``inputs``, shape (B, C, H, W) or (B, C, H, W, D)."""
        if inputs.ndim == 4:
            return super().__call__(inputs, network, *args, **kwargs)
        return self.stack_inferer(inputs, network, *args, **kwargs)
