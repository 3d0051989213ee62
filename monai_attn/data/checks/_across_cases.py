"""What only shows when the cases of a data set are looked at together."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from ..._memory import half_of_memory_gb
from ._report import CaseFacts, Finding

__all__ = [
    "find_label_problems",
    "find_large_cases",
    "find_odd_channels",
    "find_odd_geometries",
    "find_odd_levels",
    "find_odd_scales",
    "outside_classes",
]

SPACING_OUTLIER = 2.0  # times the median
SCALE_OUTLIER = 10.0  # times the median
AIR_HU = -200.0  # below it lies what only CT has: air, where MR has 0 and more
LEVEL_OUTLIER = 400.0  # HU, more than soft tissues differ
RARE = 0.5  # of the cases
SHOWN = 5  # values
BYTES = 4  # of a voxel in float32


def find_odd_channels(facts: list[CaseFacts], in_channels: int | None) -> Iterator[Finding]:
    """Cases with another number of channels than wanted or than most, and slices among volumes."""
    wanted = in_channels or _most_common([f.channels for f in facts])
    slices = 2 * sum(_flat(f) for f in facts) > len(facts)
    for f in facts:
        if f.channels != wanted:
            whose = "the network takes" if in_channels else "most cases have"
            text = f"image '{f.image[0]}' has {f.channels} channel(s), but {whose} {wanted}"
            yield Finding("error", f.case, f"{text}: add the missing ones or remove the case")
        if (len(f.shape) == 2 and not slices) or (slices and not _flat(f)):
            kind, others = ("a volume", "slices") if slices else ("a slice", "volumes")
            text = f"image '{f.image[0]}' of shape {f.shape} is {kind}, but most others are {others}"
            yield Finding("error", f.case, f"{text}: convert it or remove the case")


def find_label_problems(facts: list[CaseFacts], num_classes: int | None) -> Iterator[Finding]:
    """Values outside the classes, empty labels, rare classes.

    Args:
        facts: of cases with labels.
        num_classes: with background; ``None`` where neither the caller nor the data set says.
    """
    seen = sorted({0, *(value for f in facts for value in f.label_voxels)})
    if num_classes is None and seen != list(range(len(seen))):
        remap = [f"{value} -> {k}" for k, value in enumerate(seen) if value != k]
        yield Finding("error", "", f"the label values [{_some(seen)}] have gaps: write 0, 1, ... ({_some(remap)})")
    for f in facts:
        text = None if num_classes is None else outside_classes(f, num_classes, seen)
        if text:
            yield Finding("error", f.case, text)
    empty = [f for f in facts if not set(f.label_voxels) - {0}]
    if facts and len(empty) == len(facts):
        yield Finding("error", "", "all labels are empty: check that they are the right files; classes are 1, 2, ...")
        return
    for f in empty:
        yield Finding("warning", f.case, f"label '{f.label}' is empty: check that this is intended")
    for value in seen if num_classes is None else range(num_classes):
        count = sum(value in f.label_voxels for f in facts)
        if value and count < RARE * len(facts):
            text = f"class {value} is in {count} of {len(facts)} cases: add cases with it, or merge it with another"
            yield Finding("warning", "", text)


def outside_classes(facts: CaseFacts, num_classes: int, seen: Sequence[int] = ()) -> str | None:
    """Whether a label has values beyond its classes, and what they could become.

    Args:
        facts: of the case.
        num_classes: with background.
        seen: values in other labels, which stand for classes already.
    """
    wrong = [value for value in sorted(facts.label_voxels) if value >= num_classes]
    if not wrong:
        return None
    free = [k for k in range(1, num_classes) if k not in seen and k not in facts.label_voxels]
    remap = _some([f"{value} -> {k}" for value, k in zip(wrong, free, strict=False)])
    text = f"label '{facts.label}' has the values [{_some(wrong)}], but the classes are 0 to {num_classes - 1}"
    return f"{text}: remap them{f' ({remap})' if remap else ''}, or train for more classes (out_channels)"


def find_odd_geometries(facts: list[CaseFacts]) -> Iterator[Finding]:
    """Spacings far from the others', and orientations that differ."""
    facts = _of_one_rank(facts)
    if not facts:
        return
    median = np.median([f.spacing_mm for f in facts], axis=0)
    for f in facts:
        ratio = np.maximum(np.array(f.spacing_mm) / median, median / np.array(f.spacing_mm)).max()
        if ratio > SPACING_OUTLIER:
            text = f"spacing {_sizes(f.spacing_mm)} mm is far from the median {_sizes(median)} mm"
            yield Finding("warning", f.case, f"image '{f.image[0]}': {text}: check the header")
    counts = Counter(f.orientation for f in facts)
    if len(counts) > 1:
        shown = ", ".join(f"{count} {axes}" for axes, count in counts.most_common())
        text = f"orientations are mixed ({shown}): 3D bundles turn all to RAS; check that left and right are correct"
        yield Finding("warning", "", text)


def find_odd_scales(facts: list[CaseFacts]) -> Iterator[Finding]:
    """Channels whose values span far more or less than those of other cases."""
    for channel in range(max((len(f.percentiles) for f in facts), default=0)):
        spans = [(f, f.percentiles[channel][2] - f.percentiles[channel][0]) for f in facts if channel < f.channels]
        positive = [span for _, span in spans if span > 0]
        median = float(np.median(positive)) if positive else 1.0
        for f, span in spans:
            image = f"image '{f.image[min(channel, len(f.image) - 1)]}'"
            which = f" in channel {channel}" if f.channels > len(f.image) else ""
            if span <= 0:
                text = f"{image} is almost constant{which}: check that it is the right file"
                yield Finding("warning", f.case, text)
            elif max(span / median, median / span) > SCALE_OUTLIER:
                text = f"intensities span {span:.3g}{which}, in the median case {median:.3g}"
                yield Finding("warning", f.case, f"{image}: {text}: check that the unit is the same")


def find_odd_levels(facts: list[CaseFacts], is_ct: bool = False) -> Iterator[Finding]:
    """CT whose values lie far from those of the other cases, as without the intercept of its files, or all of them do.

    Args:
        facts: of cases.
        is_ct: whether the data set, or what reads it, expects HU; otherwise values of air in some case say so.
    """
    first = [f for f in facts if f.percentiles]
    air = [f for f in first if f.percentiles[0][0] < AIR_HU]
    if first and not air and is_ct:
        text = f"no image has values below {AIR_HU:.0f} in its first channel, where air has about -1000 HU"
        yield Finding("warning", "", f"{text}: check that these are HU, with the intercept of most CT, -1024")
    inside = [f.foreground[0] for f in air if f.foreground]
    lowest = float(np.median([f.percentiles[0][0] for f in air])) if air else 0.0
    for f in first if air else ():
        usual = float(np.median(inside if f.foreground and inside else [g.percentiles[0][1] for g in air]))
        shift = (f.foreground[0] if f.foreground and inside else f.percentiles[0][1]) - usual
        if abs(shift) > LEVEL_OUTLIER and abs(f.percentiles[0][0] - lowest) > LEVEL_OUTLIER / 2:
            where = "inside the labels" if f.foreground and inside else "in the middle"
            side = "above" if shift > 0 else "below"
            text = f"has values {where} that lie about {abs(shift):.0f} {side} those of most cases with air"
            yield Finding("warning", f.case, f"image '{f.image[0]}' {text}: check that it has HU (often 1024 off)")


def find_large_cases(
    facts: list[CaseFacts],
    num_classes: int | None = None,
    memory_gb: float | None = None,
    spacing_mm: Sequence[float] | None = None,
) -> Iterator[Finding]:
    """Cases that resampling would make too large.

    Args:
        facts: of cases.
        num_classes: with background; by default what the labels have.
        memory_gb: what one case may take; by default half of this machine's.
        spacing_mm: to which cases are resampled; by default their median.
    """
    facts = _of_one_rank(facts)
    if not facts:
        return
    limit = half_of_memory_gb() if memory_gb is None else memory_gb
    target = np.median([f.spacing_mm for f in facts], axis=0) if spacing_mm is None else np.array(spacing_mm)
    classes = num_classes or max((max(f.label_voxels, default=0) for f in facts), default=0) + 1
    for f in facts:
        voxels = np.prod(f.shape, dtype=float) * np.prod(f.spacing_mm) / np.prod(target[: len(f.shape)])
        needed = voxels * BYTES * (f.channels + 2 * classes) / 1e9  # the image, its logits, and their softmax
        if needed > limit:
            text = f"image '{f.image[0]}' resampled to {_sizes(target)} mm takes {needed:.4g} GB of {limit:.4g} GB"
            yield Finding("error", f.case, f"{text}: crop it, correct its spacing, or choose a coarser one")


def _flat(facts: CaseFacts) -> bool:
    return len(facts.shape) == 2 or facts.shape[2] == 1


def _of_one_rank(facts: list[CaseFacts]) -> list[CaseFacts]:
    rank = _most_common([len(f.shape) for f in facts])
    return [f for f in facts if len(f.shape) == rank]


def _most_common(values: list[int]) -> int:
    return Counter(values).most_common(1)[0][0] if values else 0


def _some(values: Sequence[object]) -> str:
    return ", ".join(map(str, values[:SHOWN])) + (", ..." if values[SHOWN:] else "")


def _sizes(values: Sequence[float] | np.ndarray) -> str:
    return " x ".join(f"{size:.4g}" for size in values)
