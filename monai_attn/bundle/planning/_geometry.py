"""Spacing, patch and strides for a data set.

After the heuristics that nnU-Net publishes (Isensee et al. 2021, Nature Methods 18:203).
"""

import math
from dataclasses import dataclass

import numpy as np

from ...data import Fingerprint

__all__ = ["PlannedGeometry", "fit_geometry"]

ANISOTROPIC = 3.0  # nnU-Net's: from this ratio of spacings on, an axis is thick
UNEQUAL = 2.0  # an axis this much coarser than the finest is not strided yet, and not convolved along
COVERED = 0.25  # nnU-Net's: of the median image, in the patch; below, it makes a low-resolution stage
LEAST_VOXELS_ACROSS = 3.0  # the thinnest class, which no coarser spacing may undercut
STEP = 1.02  # from one spacing to the next that is tried
LEAST_SIZE = 3  # voxels of the patch on the coarsest level; nnU-Net has 4, but starts at full resolution
MOST_LEVELS = 5


@dataclass(frozen=True)
class PlannedGeometry:
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


def fit_geometry(fingerprint: Fingerprint, patch_voxels: int) -> PlannedGeometry:
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
    return PlannedGeometry(
        spacing_mm=tuple(float(f"{s:.4g}") for s in spacing) if fingerprint.spatial_dims == 3 else (),
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
        reasons.append(f"{shown}: axis {thick} is thick; there its 10th percentile is taken, {spacing[thick]:.3g} mm.")
    else:
        reasons.append(f"{shown}: images are resampled to it, or to what follows from it below.")
    coarser = _coarsened(spacing, fingerprint, patch_voxels)
    if (coarser > 1.05 * spacing).any():
        seen = _covered(coarser, fingerprint, patch_voxels)
        limit = "" if seen >= COVERED else f", limited to {LEAST_VOXELS_ACROSS:g} voxels across the thinnest class"
        reasons.append(
            f"Resampled to {_mm(coarser)} instead, so that a patch sees {seen:.0%} of an image (nnU-Net makes a "
            f"low-resolution stage below {COVERED:.0%}){limit}. More --hours or memory allow a finer spacing."
        )
        return coarser
    return spacing


def _coarsened(spacing: np.ndarray, fingerprint: Fingerprint, patch_voxels: int) -> np.ndarray:
    """Coarser in small steps, the finer axes first as in nnU-Net, until a patch sees enough or classes get too thin."""
    coarsest = min((size for size in fingerprint.thickness_mm if size), default=np.inf) / LEAST_VOXELS_ACROSS
    while _covered(spacing, fingerprint, patch_voxels) < COVERED:
        fine = spacing < spacing.max() / UNEQUAL
        step = np.where(fine if fine.any() else np.full(len(spacing), True), STEP, 1.0)
        step = np.where(spacing * step > coarsest, 1.0, step)
        if step.max() == 1.0:
            break
        spacing = spacing * step
    return spacing


def _covered(spacing: np.ndarray, fingerprint: Fingerprint, patch_voxels: int) -> float:
    """Share of the median image in a patch."""
    return min(1.0, patch_voxels / float(np.prod(np.array(fingerprint.extent_mm) / spacing)))


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
    text = (
        f"{len(strides)} halvings (at most {MOST_LEVELS}), {_times(whole)} in all, as long as an axis has "
        f"{2 * LEAST_SIZE} voxels and more"
    )
    waiting = [axis for axis in range(len(spacing)) if spacing[axis] > UNEQUAL * spacing.min()]
    if fingerprint.spatial_dims == 2 or not waiting:
        return f"{text}."
    axis = waiting[0]
    first = next((k for k, stride in enumerate(strides) if stride[axis] == 2), None)
    until = "on any level" if first is None else f"in the first {first} level(s)"
    return (
        f"{text}. Spacing {_mm(spacing)}, so no striding along axis {axis} {until}, and kernels of 1 there as long "
        "as it is more than twice as coarse as the finest."
    )


def _times(values: np.ndarray) -> str:
    return " x ".join(str(math.floor(v + 0.5)) for v in values)


def _mm(values: np.ndarray) -> str:
    return " x ".join(f"{v:.3g}" for v in values) + " mm"
