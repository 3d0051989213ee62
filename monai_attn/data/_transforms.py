"""Dictionary transforms that MONAI has no equal of."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import KeepLargestConnectedComponent, MapTransform, RandFlipd

__all__ = ["KeepLargestInSlicesd", "NormalizeSlicesd", "RandFlipSwapd", "SqueezeSliced", "TrustImageHeaderd"]


class NormalizeSlicesd(MapTransform):
    """Bring each 2D slice to zero mean and unit variance by itself, whether it comes alone or in a stack.

    ``monai.transforms.NormalizeIntensityd`` takes one mean over all that it is given, so that a slice of a stack would
    look different to a 2D network than the same slice alone. A constant slice becomes 0.

    Args:
        keys: images, shape (C, H, W) or (C, H, W, D); each channel by itself.
        allow_missing_keys: whether an item may lack one of the keys.
    """

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """Return ``data`` with normalised images."""
        result = dict(data)
        for key in self.key_iterator(result):
            image = result[key].float()
            mean = image.mean(dim=(1, 2), keepdim=True)
            deviation = image.std(dim=(1, 2), keepdim=True, correction=0)
            result[key] = (image - mean) / torch.where(deviation > 0, deviation, 1.0)
        return result


class KeepLargestInSlicesd(MapTransform):
    """Keep the largest connected component of each class in each 2D slice, whether it comes alone or in a stack.

    ``monai.transforms.KeepLargestConnectedComponentd`` takes a stack for one volume, in which a slice may lose its only
    component to its neighbours'.

    Args:
        keys: label maps, shape (1, H, W) or (1, H, W, D).
        allow_missing_keys: whether an item may lack one of the keys.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.keep = KeepLargestConnectedComponent()

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """Return ``data`` with cleaned label maps."""
        result = dict(data)
        for key in self.key_iterator(result):
            labels = result[key].clone()
            slices = labels.unbind(-1) if labels.ndim == 4 else [labels]
            for one in slices:
                one.copy_(torch.as_tensor(self.keep(one)))
            result[key] = labels
        return result


class SqueezeSliced(MapTransform):
    """Take a single slice that is stored as a stack of one for the 2D image that it is.

    Args:
        keys: images, shape (C, H, W) or (C, H, W, 1).
        allow_missing_keys: whether an item may lack one of the keys.
    """

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """Return ``data`` with images of shape (C, H, W)."""
        result = dict(data)
        for key in self.key_iterator(result):
            if result[key].ndim == 4 and result[key].shape[-1] == 1:
                result[key] = result[key][..., 0]
        return result


class TrustImageHeaderd(MapTransform):
    """Give a label the affine of its image, for labels whose voxels fit but whose headers say otherwise.

    Args:
        keys: labels, shape (1, H, W[, D]), with metadata.
        image_key: the image of the same spatial shape whose header is right.
        allow_missing_keys: whether an item may lack one of the keys.

    Raises:
        ValueError: when the shapes differ, since then the voxels do not fit.
    """

    def __init__(self, keys: KeysCollection, image_key: str = "image", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.image_key = image_key

    def __call__(self, data: Mapping[Hashable, MetaTensor]) -> dict[Hashable, MetaTensor]:
        """Return ``data`` with labels where their images are."""
        result, image = dict(data), data[self.image_key]
        for key in self.key_iterator(result):
            label: Any = result[key]
            if label.shape[1:] != image.shape[1:]:
                shapes = f"{tuple(label.shape[1:])}, but {self.image_key} {tuple(image.shape[1:])}"
                raise ValueError(f"{key} has the shape {shapes}: resample it onto the image's grid")
            label = label.clone()  # with metadata of its own
            label.affine = image.affine
            label.meta["original_affine"] = image.meta["original_affine"]
            result[key] = label
        return result


class RandFlipSwapd(RandFlipd):
    """Random flip that swaps paired labels, such as the left and the right parotid, along with the sides.

    Args:
        keys: images and label maps, shape (C, H, W[, D]).
        swap: pairs of label values that change places, such as ``[[3, 4]]``.
        label_keys: which of the keys are label maps.
        prob: probability of flipping.
        spatial_axis: the axis from left to right; 0 for images in RAS.
        options: further arguments of ``monai.transforms.RandFlipd``.

    Raises:
        ValueError: when a pair has not two values, or a value stands in two pairs.
    """

    def __init__(
        self,
        keys: KeysCollection,
        swap: Sequence[Sequence[int]],
        label_keys: Sequence[str] | str = "label",
        prob: float = 0.5,
        spatial_axis: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(keys, prob, spatial_axis, **options)
        values = [value for pair in swap for value in pair]
        if any(len(pair) != 2 for pair in swap) or len(set(values)) < len(values):
            raise ValueError(f"swap={swap} is not a list of pairs of different values: write it as [[3, 4], [5, 6]]")
        self.swap = [tuple(pair) for pair in swap]
        self.label_keys = [label_keys] if isinstance(label_keys, str) else list(label_keys)

    def __call__(self, data: Mapping[Hashable, torch.Tensor], lazy: bool | None = None) -> dict[Hashable, torch.Tensor]:
        """Return ``data`` flipped, with labels swapped, or as it is."""
        result = super().__call__(data, lazy)
        if self._do_transform:
            for key in self.label_keys:
                before, label = result[key], result[key].clone()
                for one, other in self.swap:
                    label[before == one] = other
                    label[before == other] = one
                result[key] = label
        return result

    def inverse(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """Not offered: the flip could be undone, but not told from an image whose labels were never swapped."""
        raise NotImplementedError("RandFlipSwapd has no inverse: use it in training only")
