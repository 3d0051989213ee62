"""Read every file of one case, once, and say what it is and what is wrong with it."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from .cache import content_digest, recall, remember
from .cases import image_files
from .report import CaseFacts, Finding
from .volumes import Volume, open_volume

__all__ = ["inspect_case"]

AFFINE_TOLERANCE = 1e-3  # mm; what rounding in headers makes
INTEGER_TOLERANCE = 1e-3


def inspect_case(
    case: dict[str, Any], labelled: bool = True, trust_image_header: bool = False
) -> tuple[CaseFacts, list[Finding]]:
    """Measure one case.

    Args:
        case: as :func:`find_cases` returns it.
        labelled: whether its label is to be read.
        trust_image_header: whether a label of the right shape may have another affine than its image.

    Returns:
        what was measured as far as it went, and what is wrong, worst first.
    """
    facts = CaseFacts(case["case"], image_files(case), case.get("label") if labelled else None)
    findings: list[Finding] = []

    def error(text: str) -> None:
        findings.append(Finding("error", facts.case, text))

    files = [*facts.image, *([facts.label] if facts.label else [])]
    try:
        facts.digests = content_digest(files)
        key = [*facts.digests, *files, str(trust_image_header)]
        known = recall(key, facts.case)
        if known is not None:
            return known
        images = [open_volume(path) for path in facts.image]
        label = None if facts.label is None else open_volume(facts.label)
        for message in _header_faults(images, label, trust_image_header):
            error(message)
        _describe(facts, images)
        voxels = [volume.voxels() for volume in images]
        for volume, values in zip(images, voxels, strict=True):
            if not np.isfinite(values).all():
                count = int(values.size - np.isfinite(values).sum())
                error(
                    f"image '{volume.path}' has {count} voxel(s) that are NaN or infinite: "
                    "replace them, or take the image out"
                )
        facts.percentiles = [
            _percentiles(channel)
            for values, volume in zip(voxels, images, strict=True)
            for channel in _channels(values, volume)
        ]
        facts.zeros = float((_channels(voxels[0], images[0])[0] == 0).mean())
        if label is not None:
            values = label.voxels()
            for message in _label_faults(label, values):
                error(message)
            if not findings:
                _describe_label(facts, values, voxels[0], images[0])
        if not findings:
            remember(key, facts)
    except (OSError, ValueError, ModuleNotFoundError) as fault:
        error(str(fault))
    return facts, findings


def inspect_cases(
    cases: list[dict[str, Any]], labelled: bool = True, trust_image_header: bool = False, progress: bool = True
) -> Iterator[tuple[CaseFacts, list[Finding]]]:
    """:func:`inspect_case` for many, several at a time, in their order; what was seen before comes from the cache."""

    def look(case: dict[str, Any]) -> tuple[CaseFacts, list[Finding]]:
        return inspect_case(case, labelled, trust_image_header)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        bar = tqdm(pool.map(look, cases), total=len(cases), desc="checking", leave=False, disable=not progress)
        yield from bar


def _describe(facts: CaseFacts, images: list[Volume]) -> None:
    first = images[0]
    facts.shape, facts.spacing_mm = first.spatial_shape, first.spacing_mm
    facts.channels = first.channels if len(images) == 1 else len(images)
    facts.dtype = str(first.dtype)
    if np.isfinite(first.affine).all() and abs(np.linalg.det(first.affine[:3, :3])) > 1e-9:
        codes = nib.orientations.aff2axcodes(first.affine)  # type: ignore[no-untyped-call]
        facts.orientation = "".join(codes[: len(first.spatial_shape)])


def _header_faults(images: list[Volume], label: Volume | None, trust_image_header: bool) -> list[str]:
    first, faults = images[0], []
    for volume in [*images, *([label] if label else [])]:
        kind = "label" if volume is label else "image"
        if min(volume.shape, default=0) < 1:
            faults.append(f"{kind} '{volume.path}' of shape {volume.shape} is empty: replace the file")
        if not np.isfinite(volume.affine).all() or abs(np.linalg.det(volume.affine[:3, :3])) < 1e-9:
            faults.append(
                f"{kind} '{volume.path}' has the affine {volume.affine[:3].tolist()}, which is no place: "
                "correct its header"
            )
    if faults:
        return faults
    for volume in [*images[1:], *([label] if label else [])]:
        name = f"label '{volume.path}'" if volume is label else f"image '{volume.path}'"
        whose = "its image" if volume is label else "the first channel"
        if volume.spatial_shape != first.spatial_shape or volume.channels != 1:
            faults.append(
                f"{name} has shape {volume.shape}, but {whose} '{first.path}' {first.shape}: "
                "give it one channel on that grid"
            )
            continue
        distance, degrees = _apart(volume, first)
        if distance > AFFINE_TOLERANCE and not (trust_image_header and volume is label):
            faults.append(
                f"{name} lies elsewhere than {whose} '{first.path}' (up to {distance:.3g} mm apart, turned by "
                f"{degrees:.2g} degrees): resample it onto that grid, correct its header, or pass --trust-image-header"
            )
    return faults


def _apart(one: Volume, other: Volume) -> tuple[float, float]:
    """Largest distance in mm between the same corner voxels of two grids, and the angle between their axes."""
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in (*one.spatial_shape, 1, 1)[:3]])).reshape(3, -1)
    corners = np.vstack([corners, np.ones(corners.shape[1])])
    distance = float(np.linalg.norm(((one.affine - other.affine) @ corners)[:3], axis=0).max())
    axes = [volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0) for volume in (one, other)]
    cosines = np.clip((axes[0] * axes[1]).sum(axis=0), -1, 1)
    return distance, float(np.degrees(np.arccos(cosines)).max())


def _label_faults(label: Volume, values: NDArray[Any]) -> list[str]:
    if not np.isfinite(values).all():
        return [f"label '{label.path}' has voxels that are NaN or infinite: write whole numbers"]
    rounded = np.rint(values)
    off = np.abs(values - rounded) > INTEGER_TOLERANCE
    if off.any():
        some = np.unique(values[off])[:5].tolist()
        return [f"label '{label.path}' has the values {some}, which are no whole numbers: write the classes 0, 1, ..."]
    if rounded.min() < 0:
        some = np.unique(rounded[rounded < 0])[:5].astype(int).tolist()
        return [f"label '{label.path}' has the values {some} below 0: write the classes 0, 1, ..."]
    return []


def _describe_label(facts: CaseFacts, values: NDArray[Any], image: NDArray[Any], volume: Volume) -> None:
    labels = np.rint(values).astype(np.int64)
    found, counts = np.unique(labels, return_counts=True)
    facts.label_voxels = dict(zip(found.tolist(), counts.tolist(), strict=True))
    inside = _channels(image, volume)[0].reshape(-1)[labels.reshape(-1) > 0]
    if inside.size:
        low, high = np.percentile(inside, (0.5, 99.5))
        facts.foreground = (float(inside.mean()), float(inside.std()), float(low), float(high))


def _percentiles(values: NDArray[Any]) -> tuple[float, float, float]:
    """0.5th, 50th and 99.5th, of at most a million values."""
    sample = values.reshape(-1)[:: max(1, values.size // 1_000_000)]
    low, median, high = np.nanpercentile(sample, (0.5, 50, 99.5)).tolist()
    return low, median, high


def _channels(values: NDArray[Any], volume: Volume) -> list[NDArray[Any]]:
    stacked = values.reshape(*volume.spatial_shape, volume.channels)
    return [stacked[..., k] for k in range(volume.channels)]
