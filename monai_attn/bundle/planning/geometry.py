"""Spacing, patch and strides for a data set.

After the heuristics that nnU-Net publishes (Isensee et al. 2021, Nature Methods 18:203).
"""

import math
from dataclasses import dataclass

import numpy as np

from ...data import Fingerprint

__all__ = ["Geometry", "fit_geometry"]

ANISOTROPIC = 3.0  # nnU-Net's: from this ratio of spacings on, an axis is thick
UNEQUAL = 2.0  # an axis this much coarser than the finest is not strided yet, and not convolved along
COVERED = 0.25  # nnU-Net's: of the median image, in the patch; below, it makes a low-resolution stage
LEAST_VOXELS_ACROSS = 3.0  # the thinnest class, which no coarser spacing may undercut
LEAST_SIZE = 3  # voxels of the patch on the coarsest level; nnU-Net has 4, but starts at full resolution
MOST_LEVELS = 5


@dataclass(frozen=True)
class Geometry:
    """Where a network works.

    Attributes:
        spacing_mm: by axis; empty where images are not resampled.
        patch_size: voxels by axis.
        stem_strides: from the image to the first level, by axis.
        strides: from each level to the next, by axis.
        kernel_size: of each level, by axis.
        thick_axis: index of an axis much coarser than the others, or ``None``.
        reasons: what was chosen and why, one sentence each.
    """

    spacing_mm: tuple[float, ...]
    patch_size: tuple[int, ...]
    stem_strides: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    kernel_size: tuple[tuple[int, ...], ...]
    thick_axis: int | None
    reasons: tuple[str, ...]


def fit_geometry(fingerprint: Fingerprint, patch_voxels: int) -> Geometry:
    """Choose all of it for patches of about so many voxels."""
    reasons: list[str] = []
    spacing = np.array(fingerprint.spacing_mm)
    thick = _thick_axis(spacing) if fingerprint.spatial_dims == 3 else None
    if fingerprint.spatial_dims == 2:
        reasons.append("Slices are taken at their own pixel size, because nothing says how far apart stacks lie.")
    else:
        spacing = _working_spacing(fingerprint, thick, patch_voxels, reasons)
    shape = np.array(fingerprint.extent_mm) / spacing
    stem, *strides = _strides(np.minimum(shape, _cube(shape, spacing, patch_voxels)), spacing)
    multiple = np.prod([stem, *strides], axis=0)
    box = _cube(shape, spacing, patch_voxels)
    counts = np.where(box < shape, np.round(box / multiple), np.ceil(shape / multiple))  # whole images where they fit
    patch = np.maximum(counts, 1).astype(int) * multiple
    covered = float(np.prod(np.minimum(patch / shape, 1)))
    reasons.append(
        f"Patch {_times(patch)}: about equal in mm along all axes as far as the median image ({_times(shape)}) "
        f"reaches, at most about {patch_voxels} voxels, divisible by all strides; it covers {covered:.0%} of it."
    )
    kernels = _kernels(spacing, [stem, *strides])
    reasons.append(_about_strides(spacing, [stem, *strides], fingerprint))
    return Geometry(
        spacing_mm=tuple(round(float(s), 3) for s in spacing) if fingerprint.spatial_dims == 3 else (),
        patch_size=tuple(int(n) for n in patch),
        stem_strides=stem,
        strides=tuple(strides),
        kernel_size=kernels,
        thick_axis=thick,
        reasons=tuple(reasons),
    )


def _thick_axis(spacing: np.ndarray) -> int | None:
    axis = int(spacing.argmax())
    return axis if spacing[axis] > ANISOTROPIC * np.delete(spacing, axis).max() else None


def _working_spacing(fingerprint: Fingerprint, thick: int | None, patch_voxels: int, reasons: list[str]) -> np.ndarray:
    spacing = np.array(fingerprint.spacing_mm)
    shown = f"Median spacing {_mm(spacing)}"
    if thick is not None:
        spacing[thick] = max(fingerprint.fine_spacing_mm[thick], np.delete(spacing, thick).max())
        reasons.append(
            f"{shown}: axis {thick} is thick; its 10th percentile is taken, {spacing[thick]:.3g} mm, as nnU-Net does."
        )
    else:
        reasons.append(f"{shown}: images are resampled to it, or to what follows from it below.")
    volume = float(np.prod(np.array(fingerprint.extent_mm) / spacing))
    factor = (volume * COVERED / patch_voxels) ** (1 / 3)
    if factor > 1:
        across = min(size for size in fingerprint.thickness_mm if size) / spacing.max()
        allowed = max(1.0, across / LEAST_VOXELS_ACROSS)
        coarser = min(factor, allowed)
        if coarser > 1.05:
            spacing = spacing * coarser
            limit = (
                ""
                if factor <= allowed
                else f"; more would leave less than {LEAST_VOXELS_ACROSS:g} voxels across the thinnest class"
            )
            reasons.append(
                f"Resampled to {_mm(spacing)} instead, so that a patch sees up to {COVERED:.0%} of an image, as in "
                f"nnU-Net's low-resolution stage{limit}. A longer --hours or more memory allows a finer spacing."
            )
    return spacing


def _cube(shape: np.ndarray, spacing: np.ndarray, voxels: int) -> np.ndarray:
    """Size in voxels of the largest box that is a cube in mm where the image allows, of at most so many voxels."""
    low, high = 0.0, float((shape * spacing).max())
    for _ in range(60):
        edge = (low + high) / 2
        if np.prod(np.minimum(shape, edge / spacing)) > voxels:
            high = edge
        else:
            low = edge
    box: np.ndarray = np.maximum(np.minimum(shape, high / spacing), 1)
    return box


def _strides(size: np.ndarray, spacing: np.ndarray) -> list[tuple[int, ...]]:
    """Strides of the stem and between levels: 2 along axes that are neither too coarse yet nor too small."""
    size, spacing, result = size.copy(), spacing.copy(), []
    for _ in range(MOST_LEVELS):
        stride = np.where(
            (size >= 2 * LEAST_SIZE) & (spacing <= UNEQUAL * spacing[size >= 2 * LEAST_SIZE].min(initial=np.inf)), 2, 1
        )
        if stride.max() == 1:
            break
        result.append(tuple(int(s) for s in stride))
        size, spacing = size / stride, spacing * stride
    while len(result) < 2:  # the smallest network has two levels
        result.append(tuple(1 for _ in size))
    return result


def _kernels(spacing: np.ndarray, strides: list[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """3, but 1 along an axis while it is much coarser than the finest."""
    kernels, spacing = [], spacing.copy()
    for stride in strides:
        kernels.append(tuple(1 if s > UNEQUAL * spacing.min() else 3 for s in spacing))
        spacing = spacing * np.array(stride)
    return tuple(kernels)


def _about_strides(spacing: np.ndarray, strides: list[tuple[int, ...]], fingerprint: Fingerprint) -> str:
    whole = np.prod(strides, axis=0)
    text = f"{len(strides)} halvings, {_times(whole)} in all, until an axis has fewer than {2 * LEAST_SIZE} voxels"
    waiting = [axis for axis in range(len(spacing)) if strides[0][axis] == 1 and max(strides[0]) == 2]
    if waiting and fingerprint.spatial_dims == 3 and spacing[waiting[0]] > UNEQUAL * spacing.min():
        axes = " and ".join(str(axis) for axis in waiting)
        first = next((k for k, stride in enumerate(strides) if stride[waiting[0]] == 2), len(strides))
        return (
            f"{text}. Spacing {_mm(spacing)}: no striding along axis {axes} in the first {first} level(s), and kernels "
            "of 1 there, until the others are as coarse."
        )
    return f"{text}."


def _times(values: np.ndarray) -> str:
    return " x ".join(str(math.floor(v + 0.5)) for v in values)


def _mm(values: np.ndarray) -> str:
    return " x ".join(f"{v:.3g}" for v in values) + " mm"
