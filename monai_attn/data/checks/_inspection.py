"""Read every file of one case, once, and say what it is and what is wrong with it."""

import hashlib
import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass  # type: ignore[import-untyped]
from tqdm import tqdm

from ..._memory import half_of_memory_gb
from .._cases import image_files
from ..files._faults import said, value_fault
from ..files._geometry import axis_codes, is_valid_affine
from ..files._volumes import Volume
from ._cache import cache_key, open_noted, recall, remember
from ._faults import find_header_faults, label_fault
from ._report import CaseFacts, Finding

__all__ = ["describe", "inspect_case", "inspect_cases", "unread"]

WORKERS = 8
PEAK = 16  # bytes that a case may take in memory for each of its files' on the disk, packed ones included
SAMPLE = 1_000_000  # values that percentiles are taken of


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
        volumes = [open_noted(path) for path in facts.files]
        facts.digests = [volume.digest for volume in volumes]
        key = cache_key(facts, trust_image_header)
        known = recall(key, facts)
        if known is None:
            texts += _measure(facts, volumes, trust_image_header)
            if not texts:
                remember(key, facts)
        facts = known or facts
    except (OSError, ValueError) as fault:
        texts.append(str(fault))
    except MemoryError:
        texts.append(f"image '{facts.image[0]}' takes more memory than there is: crop it, or store it as integers")
    doubts = [(facts.files[index], doubt) for doubt, index in facts.doubts.items()]
    said(f"'{path}' {doubt}" for path in facts.files for doubt in facts.doubts)
    return facts, [
        *(Finding("error", facts.case, text) for text in texts),
        *(Finding("warning", facts.case, f"'{path}' {doubt}") for path, doubt in doubts),
    ]


def inspect_cases(
    cases: list[dict[str, Any]], labelled: bool = True, trust_image_header: bool = False, progress: bool = True
) -> Iterator[tuple[CaseFacts, list[Finding]]]:
    """:func:`inspect_case` for many, several at a time, in their order; what was seen before comes from the cache."""

    def look(case: dict[str, Any]) -> tuple[CaseFacts, list[Finding]]:
        return inspect_case(case, labelled, trust_image_header)

    pool = ThreadPoolExecutor(_how_many_at_once(cases))
    quiet = None if progress else True  # None: where nobody looks, as in a log file
    try:
        yield from tqdm(pool.map(look, cases), total=len(cases), desc="checking", leave=False, disable=quiet)
    finally:
        pool.shutdown(cancel_futures=True)  # who stops at the first fault does not wait for the other cases


def unread(case: dict[str, Any], labelled: bool = True) -> CaseFacts:
    """A case of which nothing is known but its files."""
    return CaseFacts(case["case"], image_files(case), case.get("label") if labelled else None)


def describe(facts: CaseFacts, images: list[Volume]) -> None:
    """Fill in what the headers of a case's images say."""
    first = images[0]
    facts.shape = first.spatial_shape
    facts.channels = first.channels if len(images) == 1 else len(images)
    facts.dtype = str(first.dtype)
    facts.unit = first.geometry.unit
    if is_valid_affine(first.affine):
        facts.orientation = axis_codes(first.affine)[: len(first.spatial_shape)]
        facts.spacing_mm = first.spacing_mm


def _how_many_at_once(cases: list[dict[str, Any]]) -> int:
    largest = 1
    for case in cases:
        with suppress(OSError):  # missing files are named elsewhere
            files = [*image_files(case), *([case["label"]] if "label" in case else [])]
            largest = max(largest, sum(os.path.getsize(path) for path in files))
    return max(1, min(WORKERS, os.cpu_count() or 1, int(1e9 * half_of_memory_gb() / (PEAK * largest))))


def _measure(facts: CaseFacts, volumes: list[Volume], trust_image_header: bool) -> Iterator[str]:
    """Fill in the facts; yields faults."""
    images = volumes[: len(facts.image)]
    label = None if facts.label is None else volumes[-1]
    faults = list(find_header_faults(images, label, trust_image_header))
    yield from faults
    describe(facts, images)
    for index, volume in enumerate(images if trust_image_header else volumes):
        for doubt in volume.geometry.doubts:
            facts.doubts.setdefault(doubt, index)
    if any(0 in volume.shape for volume in images):
        return
    first, unusable = np.empty(0), False
    for volume in images:
        values = volume.voxels()
        fault = value_fault(volume, values)
        if fault:
            yield fault
        unusable = unusable or fault is not None
        for channel in _channels(values, volume):
            first = first if first.size else channel
            facts.contents.append(_content(channel))
            if not unusable:
                facts.percentiles.append(_percentiles(channel))
    facts.zeros = 1 - np.count_nonzero(first) / first.size
    if unusable:
        facts.percentiles = []
    if label is None or 0 in label.shape:
        return
    values = label.voxels()
    wrong = label_fault(label, values)
    if wrong:
        yield wrong
    elif not faults and not unusable:
        _describe_label(facts, values, first)


def _describe_label(facts: CaseFacts, values: NDArray[Any], channel: NDArray[Any]) -> None:
    labels = np.rint(values).astype(np.int32) if values.dtype.kind == "f" else values
    labels = labels.reshape(facts.shape, order="F")
    found, counts = np.unique(labels, return_counts=True)
    facts.label_voxels = dict(zip(found.tolist(), counts.tolist(), strict=True))
    facts.thickness_mm = _thickness(labels, facts)
    facts.centroids = _centroids(labels, [value for value in facts.label_voxels if value])
    inside = channel.ravel("F")[labels.ravel("F") > 0]
    if inside.size:
        low, high = np.percentile(inside, (0.5, 99.5))
        mean, deviation = inside.mean(dtype=np.float64), inside.std(dtype=np.float64)
        facts.foreground = (float(mean), float(deviation), float(low), float(high))


def _thickness(labels: NDArray[Any], facts: CaseFacts) -> dict[int, float]:
    spacing = facts.spacing_mm
    voxel, surface = float(np.prod(spacing)), dict.fromkeys(facts.label_voxels, 0.0)
    for axis, size in enumerate(spacing):
        one, other = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        border = one != other
        for side in (one, other):
            for value, count in zip(*np.unique(side[border], return_counts=True), strict=True):
                surface[int(value)] += int(count) * voxel / size
    return {k: 6 * facts.label_voxels[k] * voxel / area for k, area in surface.items() if k and area}


def _centroids(labels: NDArray[Any], values: list[int]) -> dict[int, tuple[float, ...]]:
    """Of a sample on a grid, which is near enough to tell sides."""
    step = math.ceil((labels.size / SAMPLE) ** (1 / labels.ndim))
    sample = labels[(slice(None, None, step),) * labels.ndim]
    values = [value for value in values if (sample == value).any()]
    places = center_of_mass(np.ones(sample.shape, np.float32), sample, values)
    return {
        value: tuple(float(index + 0.5) / size for index, size in zip(place, sample.shape, strict=True))
        for value, place in zip(values, places, strict=True)
    }


def _percentiles(values: NDArray[Any]) -> tuple[float, float, float]:
    """0.5th, 50th and 99.5th, of a sample."""
    sample = values.ravel("F")[:: max(1, values.size // SAMPLE)]
    low, median, high = np.percentile(sample, (0.5, 50, 99.5)).tolist()
    return low, median, high


def _content(channel: NDArray[Any]) -> str:
    """A digest of the values, however they are stored; empty for a constant channel, which says nothing."""
    if channel.min() == channel.max():
        return ""
    digest = hashlib.blake2b(str(channel.T.shape).encode(), digest_size=16)
    with np.errstate(over="ignore"):  # that is a fault of its own
        for part in channel.T:  # slice by slice, so that no second copy is needed
            digest.update(np.ascontiguousarray(part, np.float32).data)
    return digest.hexdigest()


def _channels(values: NDArray[Any], volume: Volume) -> list[NDArray[Any]]:
    stacked = values.reshape(*volume.spatial_shape, volume.channels, order="F")
    return [stacked[..., k] for k in range(volume.channels)]
