"""What can be wrong with the files of one case, each fault in one line with its cure."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files._volumes import Volume

__all__ = ["header_faults", "image_fault", "is_place", "label_fault"]

DRIFT = 1e-4  # in an affine's entries; what rounding in headers makes
DISTANCE_MM = 1e-3  # the same, at the corners of the grid
FLAT = 1e-4  # volume of a voxel as a share of the product of its edges
INTEGER_TOLERANCE = 1e-3


def header_faults(images: list[Volume], label: Volume | None, trust_image_header: bool) -> Iterator[str]:
    """Faults of single headers; without any, those between the channels, and between label and image.

    Args:
        images: by channel, or one with all.
        label: if there is one.
        trust_image_header: whether the label's affine and spacing count for nothing.
    """
    volumes = [*images, *([label] if label else [])]
    alone = [text for v in volumes for text in _own_faults(v, _name(v, label), trust_image_header and v is label)]
    yield from alone
    if alone:
        return
    first = images[0]
    for volume in volumes[1:]:
        whose = "its image" if volume is label else "the first channel"
        if volume.spatial_shape != first.spatial_shape or volume.channels != 1:
            yield (
                f"{_name(volume, label)} has shape {volume.shape}, but {whose} '{first.path}' {first.shape}: "
                "give it one channel on that grid"
            )
        elif not (trust_image_header and volume is label) and not _same_place(volume, first):
            trust = ", or pass --trust_image_header if the voxels fit" if volume is label else ""
            distance, degrees = _apart(volume, first)
            yield (
                f"{_name(volume, label)} lies elsewhere than {whose} '{first.path}' (up to {distance:.3g} mm apart, "
                f"turned by {degrees:.3g} degrees): resample it onto that grid, correct its header{trust}"
            )


def is_place(affine: NDArray[np.float64]) -> bool:
    """Whether an affine maps voxels of some volume to places in mm."""
    if not np.isfinite(affine).all():
        return False
    edges = np.linalg.norm(affine[:3, :3], axis=0).prod()
    return bool(edges > 0 and abs(np.linalg.det(affine[:3, :3])) > FLAT * edges)


def image_fault(volume: Volume, values: NDArray[Any]) -> str | None:
    """Whether an image has voxels that are no numbers."""
    bad = values.size - np.count_nonzero(np.isfinite(values))
    if not bad:
        return None
    return f"image '{volume.path}' has {bad} voxel(s) that are NaN or infinite: replace them, or take the image out"


def label_fault(label: Volume, values: NDArray[Any]) -> str | None:
    """Whether a label has anything but whole numbers from 0."""
    what = f"label '{label.path}' has"
    bad = values.size - np.count_nonzero(np.isfinite(values))
    if bad:
        return f"{what} {bad} voxel(s) that are NaN or infinite: write the classes 0, 1, ..."
    rounded = np.rint(values)
    off = np.abs(values - rounded) > INTEGER_TOLERANCE
    if off.any():
        return (
            f"{what} the values {np.unique(values[off])[:5].tolist()}, which are no whole numbers: write the classes "
            "0, 1, ..., and resample labels with nearest neighbours"
        )
    if rounded.min() < 0:
        some = np.unique(rounded[rounded < 0])[:5].astype(int).tolist()
        return f"{what} the values {some} below 0: write the classes 0, 1, ..."
    return None


def _name(volume: Volume, label: Volume | None) -> str:
    return f"{'label' if volume is label else 'image'} '{volume.path}'"


def _own_faults(volume: Volume, name: str, anywhere: bool) -> Iterator[str]:
    if not 2 <= len(volume.shape) <= 4:
        yield f"{name} of shape {volume.shape} has {len(volume.shape)} axes, not 2, 3, or 4 with channels: convert it"
    elif min(volume.shape) < 1:
        yield f"{name} of shape {volume.shape} is empty: replace the file"
    if anywhere:
        return
    sizes = [z for z, size in zip(volume.zooms, volume.spatial_shape, strict=False) if size > 1]
    if not np.isfinite(sizes).all() or 0 in sizes:
        yield f"{name} has the spacing {_numbers(volume.zooms)} mm in its header: write the true one (NIfTI's pixdim)"
    elif not is_place(volume.affine):
        yield f"{name} has the affine {volume.affine[:3].tolist()}, which is no place: correct its header"


def _numbers(values: tuple[float, ...]) -> str:
    return " x ".join(f"{value:.3g}" for value in values)


def _same_place(one: Volume, other: Volume) -> bool:
    return bool(np.abs(one.affine - other.affine).max() <= DRIFT) or _apart(one, other)[0] <= DISTANCE_MM


def _apart(one: Volume, other: Volume) -> tuple[float, float]:
    """Largest distance in mm between the same corner voxels of two grids, and the angle between their axes."""
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in (*one.spatial_shape, 1, 1)[:3]])).reshape(3, -1)
    corners = np.vstack([corners, np.ones(corners.shape[1])])
    distance = float(np.linalg.norm(((one.affine - other.affine) @ corners)[:3], axis=0).max())
    axes = [volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0) for volume in (one, other)]
    cosines = np.clip((axes[0] * axes[1]).sum(axis=0), -1, 1)
    return distance, float(np.degrees(np.arccos(cosines)).max())
