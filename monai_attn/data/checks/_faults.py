"""What is wrong with the files of one case, each fault in one line with its cure."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files._faults import find_channel_faults, find_file_faults, find_grid_faults
from ..files._volumes import Volume

__all__ = ["find_header_faults", "label_fault"]

INTEGER_TOLERANCE = 1e-3
LARGEST = 2**24  # up to here every whole number is one in 32-bit floats, in which labels are loaded


def find_header_faults(images: list[Volume], label: Volume | None, trust_image_header: bool) -> Iterator[str]:
    """Faults of single headers; without any, those between the channels, and between label and image.

    Args:
        images: by channel, or one with all.
        label: if there is one.
        trust_image_header: whether the label's affine and spacing count for nothing.
    """
    faults = list(find_channel_faults(images))
    if label is not None:
        alone = list(find_file_faults(label, anywhere=trust_image_header))
        if not faults and not alone:
            cure = ", or pass `trust_image_header` if the voxels fit"
            alone += find_grid_faults(
                f"label '{label.path}'", label, "its image", images[0], cure, anywhere=trust_image_header
            )
        faults += alone
    yield from faults


def label_fault(label: Volume, values: NDArray[Any]) -> str | None:
    """Whether a label has anything but whole numbers from 0."""
    what = f"label '{label.path}' has"
    whole = values.dtype.kind in "iu"
    bad = 0 if whole else values.size - np.count_nonzero(np.isfinite(values))
    if bad:
        return f"{what} {bad} voxel(s) that are NaN or infinite: write the classes 0, 1, ..."
    low, high = values.min(), values.max()
    if max(-float(low), float(high)) > LARGEST:
        text = f"the value {float(high if high > LARGEST else low):.3g}, which 32-bit floats do not hold exactly"
        return f"{what} {text}: write the classes 0, 1, ..."
    if not whole:
        off = np.abs(values - np.rint(values)) > INTEGER_TOLERANCE
        if off.any():
            return (
                f"{what} the values {np.unique(values[off])[:5].tolist()}, which are not whole numbers: write the "
                "classes 0, 1, ..., and resample labels with nearest neighbours"
            )
    if np.rint(low) < 0:
        some = np.unique(np.rint(values[values < 0]))[:5].astype(int).tolist()
        return f"{what} the values {some} below 0: write the classes 0, 1, ..."
    return None
