"""What is wrong with an image file, or with two that should share a grid: one line each, with its cure."""

import logging
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ._volumes import Volume

__all__ = [
    "find_channel_faults",
    "find_file_faults",
    "find_grid_faults",
    "said",
    "same_place",
    "value_fault",
    "warn_once",
]

LARGEST = 1e15  # the squares of larger values, summed over an image, overflow 32-bit floats
DRIFT = 1e-4  # in an affine's entries, in mm; what rounding in headers makes
DISTANCE_MM = 1e-3  # the same, at the corners of the grid
SHARE = 1e-2  # the same, as a share of the smallest edge of a voxel, where that is less

logger = logging.getLogger(__name__)
_said: set[str] = set()


def find_file_faults(volume: Volume, anywhere: bool = False) -> Iterator[str]:
    """Faults that a header shows.

    Args:
        volume: the file.
        anywhere: whether it does not matter where the file says that it lies.
    """
    name = f"'{volume.path}'"
    axes = len(volume.shape)
    if not 2 <= axes <= 4:
        yield f"{name} of shape {volume.shape} has {axes} axes, not 2, 3, or 4 with channels: convert it"
    elif min(volume.shape) < 1:
        yield f"{name} of shape {volume.shape} is empty: replace the file"
    if not anywhere:
        yield from (f"{name} {fault}" for fault in volume.geometry.faults)


def find_channel_faults(images: Sequence[Volume], anywhere: bool = False) -> Iterator[str]:
    """Faults of the files of one case's channels: of each, or else between them; ``anywhere`` as there."""
    alone = [fault for volume in images for fault in find_file_faults(volume, anywhere)]
    yield from alone
    if not alone:
        for volume in images[1:]:
            yield from find_grid_faults(
                f"image '{volume.path}'", volume, "the first channel", images[0], anywhere=anywhere
            )
        if len(images) > 1 and images[0].channels != 1:
            shape = images[0].shape
            yield f"image '{images[0].path}' of shape {shape} is one of {len(images)} files: give each one channel"


def find_grid_faults(
    name: str, volume: Volume, whose: str, first: Volume, cure: str = "", anywhere: bool = False
) -> Iterator[str]:
    """Whether a file has one value for each voxel of another, and lies where that lies.

    Args:
        name: of the file, for the message.
        volume: the file.
        whose: what the other one is.
        first: the other one.
        cure: what else can be done about another place.
        anywhere: whether the place does not matter.
    """
    if volume.spatial_shape != first.spatial_shape or volume.channels != 1:
        shapes = f"{volume.shape}, but {whose} '{first.path}' {first.shape}"
        yield f"{name} has shape {shapes}: give it one channel on that grid"
    elif not anywhere and not same_place(volume, first):
        distance, degrees = _apart(volume, first)
        yield (
            f"{name} lies elsewhere than {whose} '{first.path}' (up to {distance:.3g} mm apart, turned by "
            f"{degrees:.3g} degrees): resample it onto that grid, correct its header{cure}"
        )


def value_fault(volume: Volume, values: NDArray[np.generic]) -> str | None:
    """Whether an image has voxels that are not numbers, or not in the precision in which a network computes."""
    if values.size == 0 or (values.dtype.kind in "iu" and values.dtype.itemsize <= 4):
        return None
    low, high = values.min(), values.max()  # NaN where there is one
    if low >= -LARGEST and high <= LARGEST:
        return None
    bad = values.size - np.count_nonzero(np.isfinite(values))
    if bad:
        return f"'{volume.path}' has {bad} voxel(s) that are NaN or infinite: replace them"
    count = np.count_nonzero(np.abs(values) > LARGEST)
    worst = float(max(low, high, key=abs))
    text = f"{count} voxel(s) such as {worst:.3g}, whose squares are beyond the range of 32-bit floats"
    return f"'{volume.path}' has {text}: replace them"


def warn_once(texts: Iterable[str]) -> None:
    """Log what nobody was told of yet."""
    for text in texts:
        if text not in _said:
            _said.add(text)
            logger.warning("%s", text)


def said(texts: Iterable[str]) -> None:
    """Take note that somebody was told, so that :func:`warn_once` need not repeat it."""
    _said.update(texts)


def same_place(one: Volume, other: Volume) -> bool:
    """Whether two grids of one shape lie in the same place, but for what rounding in headers makes."""
    edge = SHARE * min((*one.spacing_mm, *other.spacing_mm))
    drift = np.abs(one.affine - other.affine).max()
    return bool(drift <= min(DRIFT, edge)) or _apart(one, other)[0] <= min(DISTANCE_MM, edge)


def _apart(one: Volume, other: Volume) -> tuple[float, float]:
    """Largest distance in mm between the same corner voxels of two grids, and the angle between their axes."""
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in (*one.spatial_shape, 1, 1)[:3]])).reshape(3, -1)
    corners = np.vstack([corners, np.ones(corners.shape[1])])
    distance = float(np.linalg.norm(((one.affine - other.affine) @ corners)[:3], axis=0).max())
    axes = [volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0) for volume in (one, other)]
    cosines = np.clip((axes[0] * axes[1]).sum(axis=0), -1, 1)
    return distance, float(np.degrees(np.arccos(cosines)).max())
