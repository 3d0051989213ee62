"""Say where an image or a result is unlike all that the weights were trained on."""

import logging
from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from os import PathLike
from typing import Any

import numpy as np
from monai.transforms import MapTransform

from .._paths import path_argument
from ..networks import read_training_note
from ._training_ranges import AIR_HU, Range, TrainingRanges, in_ras
from .files._geometry import axis_codes, is_valid_affine

__all__ = ["CompareImaged", "CompareVolumesd"]

FAR = 2.0  # times the largest, or the smallest over it, that was seen in training
SHIFT = 1000.0  # HU, about what a missing intercept makes
SAMPLE = 1_000_000  # values that percentiles are taken of

logger = logging.getLogger(__name__)


class CompareImaged(MapTransform):
    """Warn, with the case's name, of an image that is unlike the images that trained the weights.

    Compared are the field of view, the spacing and, for CT, the values: a network segments a whole head as readily as
    the crops that it knows, and makes nonsense of it. Nothing is compared where the weights do not say what they were
    trained on. Place it behind :class:`EnsureCased`, before the spatial transforms.

    Args:
        keys: the image; channels after the first are not looked at.
        weights: file of weights, as training runs of this package write them.
        allow_missing_keys: whether an item may lack the key.
    """

    def __init__(self, keys: Any, weights: str | PathLike[str], allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.weights = weights

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return ``data`` as it is; images have the shape (C, H, W[, D])."""
        ranges = _ranges_of(self.weights)
        for key in self.key_iterator(data) if ranges else ():
            for doubt in _image_doubts(data[key], ranges):
                logger.warning("case '%s': %s", data.get("case", key), doubt)
        return dict(data)


class CompareVolumesd(MapTransform):
    """Warn, with the case's name, of a label map with a class that is much larger or smaller than any in training.

    Args:
        keys: label maps on their file's grid, shape (1, H, W, D), with metadata.
        weights: as of :class:`CompareImaged`.
        class_names: of the labels 1, 2, ...
        allow_missing_keys: whether an item may lack one of the keys.
    """

    def __init__(
        self, keys: Any, weights: str | PathLike[str], class_names: Sequence[str], allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.weights, self.class_names = weights, list(class_names)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return ``data`` as it is."""
        ranges = _ranges_of(self.weights)
        for key in self.key_iterator(data) if ranges else ():
            doubts = _volume_doubts(data[key], ranges, self.class_names)
            if doubts:
                logger.warning("case '%s' has %s: look at the result", data.get("case", key), "; ".join(doubts))
        return dict(data)


def _ranges_of(weights: str | PathLike[str]) -> Any:
    path = path_argument("ckpt_path", weights)
    return _read(str(path), path.stat().st_mtime_ns) if path.is_file() else None


@lru_cache(maxsize=8)
def _read(path: str, _changed: int) -> TrainingRanges | None:
    return TrainingRanges.from_note(read_training_note(path))


def _image_doubts(image: Any, ranges: TrainingRanges) -> list[str]:
    affine, dims = np.asarray(image.affine, float), len(ranges.spacing_mm)
    if not is_valid_affine(affine) or image.ndim - 1 < dims:
        return []
    codes = axis_codes(affine)
    spacing = in_ras(codes, np.linalg.norm(affine[:3, :3], axis=0).tolist(), dims)
    extent = [size * n for size, n in zip(spacing, in_ras(codes, list(image.shape[1:]), dims), strict=True)]
    doubts = []
    if any(
        size > FAR * high or size < low / FAR for size, (low, high) in zip(extent, ranges.field_of_view_mm, strict=True)
    ):
        doubts.append(f"its field of view is {_times(extent)} mm, {_seen(ranges.field_of_view_mm)}")
    elif dims == 3 and any(size > FAR * high for size, (_, high) in zip(spacing, ranges.spacing_mm, strict=True)):
        doubts.append(f"its voxels are {_times(spacing)} mm, {_seen(ranges.spacing_mm)}")
    values = np.asarray(image[0]).ravel()
    low, middle, high = np.percentile(values[:: max(1, values.size // SAMPLE)], (0.5, 50, 99.5)).tolist()
    if low == high:
        doubts.append(f"nearly all its values are {low:.4g}")
    elif ranges.has_air:
        doubts += _level_doubts(low, middle, high, ranges)
    return [f"{doubt}; a result may be meaningless" for doubt in doubts]


def _level_doubts(low: float, middle: float, high: float, ranges: TrainingRanges) -> list[str]:
    """Values of CT that are not what the training images had."""
    lowest, _, highest = ranges.percentiles
    air = f"its lowest values are about {low:.4g}, where air has about -1000 HU"
    if low > AIR_HU:
        shifted = low > lowest[1] + SHIFT / 2 and low >= -SHIFT / 20 and high > highest[0] + SHIFT / 2
        return [
            f"{air}: " + ("its intercept of about -1024 may be missing" if shifted else "they may be cut off or scaled")
        ]
    if low > lowest[1] + SHIFT / 4 or (low < lowest[0] - SHIFT / 2 and middle < lowest[0] - SHIFT / 4):
        return [f"{air}: are they shifted?"]
    if high > FAR * highest[1]:
        return [f"its highest values are about {high:.4g}, {_seen(ranges.percentiles[-1:])}: are they HU?"]
    return []


def _volume_doubts(labels: Any, ranges: TrainingRanges, class_names: Sequence[str]) -> list[str]:
    affine = np.asarray(labels.affine, float)
    if not ranges.volume_ml or len(ranges.volume_ml) != len(class_names) or not is_valid_affine(affine):
        return []
    voxel = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    counts = np.bincount(np.asarray(labels).astype(np.int64).ravel(), minlength=len(class_names) + 1)
    doubts = []
    for name, count, (low, high) in zip(class_names, counts[1:].tolist(), ranges.volume_ml, strict=False):
        volume = count * voxel
        if volume > FAR * high or volume < low / FAR:
            doubts.append(f"{f'{volume:.3g} mL of' if count else 'no'} {name} ({low:.3g} to {high:.3g} mL in training)")
    return doubts


def _seen(ranges: Sequence[Range]) -> str:
    low, high = [r[0] for r in ranges], [r[1] for r in ranges]
    return f"in training {_times(low)} to {_times(high)}"


def _times(values: Sequence[float]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)
