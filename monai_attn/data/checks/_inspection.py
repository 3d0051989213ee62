"""Read every file of one case, once, and say what it is and what is wrong with it."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from .._cases import image_files
from ..files._volumes import Volume, open_volume
from ._cache import cache_key, content_digest, recall, remember
from ._faults import header_faults, image_fault, is_place, label_fault
from ._report import CaseFacts, Finding

__all__ = ["inspect_case", "inspect_cases"]


def inspect_case(
    case: dict[str, Any], labelled: bool = True, trust_image_header: bool = False
) -> tuple[CaseFacts, list[Finding]]:
    """Measure one case.

    Args:
        case: as :func:`find_cases` returns it.
        labelled: whether its label is to be read.
        trust_image_header: whether a label of the right shape may have another affine than its image.

    Returns:
        what was measured as far as it went, and what is wrong with it.
    """
    facts = unread(case, labelled)
    texts: list[str] = []
    try:
        facts.digests = content_digest([*facts.image, *([facts.label] if facts.label else [])])
        key = cache_key(facts, trust_image_header)
        known = recall(key, facts)
        if known is not None:
            return known, []
        for text in _measure(facts, trust_image_header):
            texts.append(text)
        if not texts:
            remember(key, facts)
    except (OSError, ValueError) as fault:
        texts.append(str(fault))
    return facts, [Finding("error", facts.case, text) for text in texts]


def inspect_cases(
    cases: list[dict[str, Any]], labelled: bool = True, trust_image_header: bool = False, progress: bool = True
) -> Iterator[tuple[CaseFacts, list[Finding]]]:
    """:func:`inspect_case` for many, several at a time, in their order; what was seen before comes from the cache."""

    def look(case: dict[str, Any]) -> tuple[CaseFacts, list[Finding]]:
        return inspect_case(case, labelled, trust_image_header)

    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    quiet = None if progress else True  # None: where nobody looks, as in a log file
    try:
        yield from tqdm(pool.map(look, cases), total=len(cases), desc="checking", leave=False, disable=quiet)
    finally:
        pool.shutdown(cancel_futures=True)  # who stops at the first fault does not wait for the other cases


def unread(case: dict[str, Any], labelled: bool = True) -> CaseFacts:
    """A case of which nothing is known but its files."""
    return CaseFacts(case["case"], image_files(case), case.get("label") if labelled else None)


def _measure(facts: CaseFacts, trust_image_header: bool) -> Iterator[str]:
    """Fill in the facts; yields faults."""
    images = [open_volume(path) for path in facts.image]
    label = None if facts.label is None else open_volume(facts.label)
    faults = list(header_faults(images, label, trust_image_header))
    yield from faults
    _describe(facts, images)
    if any(0 in volume.shape for volume in images):
        return
    voxels = [volume.voxels() for volume in images]
    unusable = [image_fault(volume, values) for volume, values in zip(images, voxels, strict=True)]
    yield from (text for text in unusable if text)
    channels = [channel for pair in zip(voxels, images, strict=True) for channel in _channels(*pair)]
    facts.contents = [_content(channel) for channel in channels]
    facts.zeros = float((channels[0] == 0).mean())
    if not any(unusable):
        facts.percentiles = [_percentiles(channel) for channel in channels]
    if label is None or 0 in label.shape:
        return
    values = label.voxels()
    wrong = label_fault(label, values)
    if wrong:
        yield wrong
    elif not faults and not any(unusable):
        _describe_label(facts, values, channels[0])


def _describe(facts: CaseFacts, images: list[Volume]) -> None:
    first = images[0]
    facts.shape = first.spatial_shape
    facts.channels = first.channels if len(images) == 1 else len(images)
    facts.dtype = str(first.dtype)
    if is_place(first.affine):
        codes = nib.orientations.aff2axcodes(first.affine)  # type: ignore[no-untyped-call]
        facts.orientation = "".join(codes[: len(first.spatial_shape)])
        facts.spacing_mm = first.spacing_mm


def _describe_label(facts: CaseFacts, values: NDArray[Any], channel: NDArray[Any]) -> None:
    labels = np.rint(values).astype(np.int64)
    found, counts = np.unique(labels, return_counts=True)
    facts.label_voxels = dict(zip(found.tolist(), counts.tolist(), strict=True))
    facts.thickness_mm = _thickness(labels.reshape(facts.shape), facts)
    inside = channel.reshape(-1)[labels.reshape(-1) > 0]
    if inside.size:
        low, high = np.percentile(inside, (0.5, 99.5))
        facts.foreground = (float(inside.mean()), float(inside.std()), float(low), float(high))


def _thickness(labels: NDArray[np.int64], facts: CaseFacts) -> dict[int, float]:
    spacing = facts.spacing_mm
    voxel, surface = float(np.prod(spacing)), dict.fromkeys(facts.label_voxels, 0.0)
    for axis, size in enumerate(spacing):
        one, other = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        border = one != other
        for side in (one, other):
            for value, count in zip(*np.unique(side[border], return_counts=True), strict=True):
                surface[int(value)] += int(count) * voxel / size
    return {k: 6 * facts.label_voxels[k] * voxel / area for k, area in surface.items() if k and area}


def _percentiles(values: NDArray[Any]) -> tuple[float, float, float]:
    """0.5th, 50th and 99.5th, of at most a million values."""
    sample = values.reshape(-1)[:: max(1, values.size // 1_000_000)]
    low, median, high = np.percentile(sample, (0.5, 50, 99.5)).tolist()
    return low, median, high


def _content(channel: NDArray[Any]) -> str:
    """A digest of the values, however they are stored; empty for a constant channel, which says nothing."""
    if channel.min() == channel.max():
        return ""
    values = np.ascontiguousarray(channel.T, np.float32)
    return hashlib.blake2b(str(values.shape).encode() + values.tobytes(), digest_size=16).hexdigest()


def _channels(values: NDArray[Any], volume: Volume) -> list[NDArray[Any]]:
    stacked = values.reshape(*volume.spatial_shape, volume.channels)
    return [stacked[..., k] for k in range(volume.channels)]
