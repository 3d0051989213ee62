"""What a checked data set measures: the numbers that a plan is made from."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from ._datalist import Description, describe_data
from ._training_ranges import in_ras
from .checks._across_cases import AIR_HU
from .checks._report import CaseFacts, DataReport

__all__ = ["Fingerprint", "measure"]

CT = re.compile(r"(?:^|[^A-Z])(?:CB|CE|NC)?CTA?(?:$|[^A-Z])|COMPUTED TOMOGRAPHY")
MR = re.compile(r"(?:^|[^A-Z])(?:MRI?|T1|T2|PD|FLAIR|DWI|ADC)|MAGNETIC RESONANCE")
FEW = 3  # cases that show nothing yet
MOST = 0.9  # of the cases
ALIKE = 2.0  # times the volume
BESIDE = 0.15  # of the image's width


@dataclass(frozen=True)
class Fingerprint:
    """Numbers of a data set; axes are those of images turned to RAS, or as stored in 2D.

    Attributes:
        spatial_dims: 2 for slices, 3 for volumes.
        num_cases: number of cases.
        in_channels: image channels.
        class_names: of the labels 1, 2, ...
        named: whether the data set itself names them.
        modality: "CT", "MR" or "other".
        why_modality: where that comes from.
        spacing_mm: median by axis.
        fine_spacing_mm: 10th percentile by axis.
        shape: median in voxels at each case's own spacing.
        extent_mm: median size of the field of view.
        zeros: median share of voxels that are exactly 0.
        foreground: mean, standard deviation, 0.5th and 99.5th percentile of the first channel inside the labels, each
            averaged over cases.
        class_volumes_mm3: median volume of each class over the cases that have it (mm2 in 2D).
        thickness_mm: median thickness of each class over these cases, see :class:`CaseFacts`.
        channel_names: of the image channels, where the data set itself names them.
        left_right_pairs: label values of the two sides of one organ, where somebody said so; ``None`` otherwise.
        mirrored: pairs of classes that lie beside one another, alike in size, each always on the same side.
    """

    spatial_dims: int
    num_cases: int
    in_channels: int
    class_names: tuple[str, ...]
    named: bool
    modality: str
    why_modality: str
    spacing_mm: tuple[float, ...]
    fine_spacing_mm: tuple[float, ...]
    shape: tuple[int, ...]
    extent_mm: tuple[float, ...]
    zeros: float
    foreground: tuple[float, ...]
    class_volumes_mm3: tuple[float, ...]
    thickness_mm: tuple[float, ...]
    channel_names: tuple[str, ...] = ()
    left_right_pairs: tuple[tuple[int, int], ...] | None = None
    mirrored: tuple[tuple[int, int], ...] = ()


def measure(
    report: DataReport,
    modality: str | None = None,
    class_names: Sequence[str] | None = None,
    left_right_pairs: Sequence[Sequence[int | str]] | None = None,
) -> Fingerprint:
    """Sum up the cases of a report.

    Args:
        report: of :func:`monai_attn.data.check`.
        modality: "CT" or "MR"; by default what the data set says or its values show.
        class_names: of the labels 1, 2, ...; by default what the data set says.
        left_right_pairs: the left and the right of one organ, by value or by name; empty if no class has a side.

    Raises:
        ValueError: when the report has errors, the modality is another, or names or pairs do not fit the labels.
    """
    if report.errors:
        first = report.errors[0]
        case = f"case '{first.case}': " if first.case and first.case not in first.text else ""
        more = f" ({len(report.errors) - 1} more: monai-attn check {report.dataset_dir})" if report.errors[1:] else ""
        raise ValueError(f"{case}{first.text}{more}")
    if modality is not None and modality.upper() not in ("CT", "MR"):
        raise ValueError(f"modality='{modality}' is not known: use CT or MR")
    facts = report.cases
    known = describe_data(Path(report.dataset_dir))
    for value, name in known.labels.items():
        if name.lower() == "ignore":
            raise ValueError(
                f"label {value} of '{report.dataset_dir}' is 'ignore', which nnU-Net leaves out of its loss, and "
                "a bundle would learn as a class: give these voxels a class, and take the name out of dataset.json"
            )
    dims = 2 if all(len(f.shape) == 2 or (len(f.shape) == 3 and f.shape[2] == 1) for f in facts) else 3
    spacings = np.array([in_ras(f.orientation, f.spacing_mm, dims) for f in facts])
    shapes = np.array([in_ras(f.orientation, f.shape, dims) for f in facts])
    sizes = spacings.prod(axis=1)
    highest = max([*known.labels, *(value for f in facts for value in f.label_voxels)])
    names = _class_names(_given_names(class_names, highest) or known.labels, highest)
    volumes = [
        [f.label_voxels[k] * size for f, size in zip(facts, sizes, strict=True) if f.label_voxels.get(k)]
        for k in range(1, highest + 1)
    ]
    thickness = [[f.thickness_mm[k] for f in facts if k in f.thickness_mm] for k in range(1, highest + 1)]
    inside = [f.foreground for f in facts if f.foreground]
    channels = Counter(f.channels for f in facts).most_common(1)[0][0]
    kind, why = (modality.upper(), "given") if modality else _modality(facts, known)
    return Fingerprint(
        spatial_dims=dims,
        num_cases=len(facts),
        in_channels=channels,
        class_names=names,
        named=class_names is not None or all(k in known.labels for k in range(1, highest + 1)),
        modality=kind,
        why_modality=why,
        spacing_mm=_floats(np.median(spacings, axis=0)),
        fine_spacing_mm=_floats(np.percentile(spacings, 10, axis=0)),
        shape=tuple(int(n) for n in np.median(shapes, axis=0)),
        extent_mm=_floats(np.median(shapes * spacings, axis=0)),
        channel_names=tuple(known.channels) if len(known.channels) == channels else (),
        left_right_pairs=None if left_right_pairs is None else _given_pairs(left_right_pairs, names),
        mirrored=_mirrored(facts, highest, dims),
        zeros=float(np.median([f.zeros for f in facts])),
        foreground=_floats(np.mean(inside, axis=0)),
        class_volumes_mm3=tuple(float(np.median(v)) if v else 0.0 for v in volumes),
        thickness_mm=tuple(float(np.median(t)) if t else 0.0 for t in thickness),
    )


def _modality(facts: list[CaseFacts], known: Description) -> tuple[str, str]:
    names = [name.upper() for name in known.channels]
    said = f"the data set says {', '.join(known.channels)}"
    for kind, pattern in (("CT", CT), ("MR", MR)):
        if names and all(pattern.search(name) for name in names):
            return kind, said
    if any(CT.search(name) or name == "PET" for name in names):
        return "other", said
    low = float(np.median([max(low for low, _, _ in f.percentiles) for f in facts]))
    if low < AIR_HU:
        return "CT", f"half of the images have values below {low:.0f} in each channel, as air has in HU"
    return "MR", f"the lowest values are about {low:.3g}, so these are no HU; set `modality` if that is wrong"


def _class_names(labels: dict[int, str], highest: int) -> tuple[str, ...]:
    """``RightParotid`` and ``Right parotid`` -> ``right_parotid``; each once."""
    names: list[str] = []
    for k in range(1, highest + 1):
        split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<![A-Za-z][LR])(?<=[LR])(?=[A-Z][a-z])", "_", labels.get(k, ""))
        name = re.sub(r"\W+", "_", split).strip("_").lower() or f"class_{k}"
        names.append(f"{name}_{k}" if name in names else name)
    return tuple(names)


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)  # of any unit, micrometres too


def _given_names(names: Sequence[str] | None, highest: int) -> dict[int, str]:
    if names is not None and (len(names) != highest or len(set(names)) != highest or not all(names)):
        raise ValueError(
            f"class_names={list(names)} are {len(names)} for the labels 1 to {highest}: give each a name of its own"
        )
    return {} if names is None else dict(enumerate(names, start=1))


def _given_pairs(pairs: Sequence[Sequence[int | str]], names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    found, known = [], {name: value for value, name in enumerate(names, start=1)}
    for pair in pairs:
        values = [known.get(side, 0) if isinstance(side, str) else side for side in pair]
        if len(values) != 2 or not all(1 <= value <= len(names) for value in values):
            raise ValueError(
                f"left_right_pairs={list(map(list, pairs))} must be pairs of 1 to {len(names)}, or of names: "
                f"{', '.join(names)}"
            )
        found.append((min(values), max(values)))
    if len({value for pair in found for value in pair}) != 2 * len(found):
        raise ValueError(f"left_right_pairs={list(map(list, pairs))} has a class twice: each has one counterpart")
    return tuple(found)


def _mirrored(facts: Sequence[CaseFacts], highest: int, dims: int) -> tuple[tuple[int, int], ...]:
    """What lies like a left and a right organ, whatever the names say."""
    found = []
    for one, other in combinations(range(1, highest + 1), 2):
        both = [f for f in facts if one in f.centroids and other in f.centroids]
        ratios = [f.label_voxels[one] / f.label_voxels[other] for f in both]
        if len(both) < FEW or not 1 / ALIKE < float(np.median(ratios)) < ALIKE:
            continue
        apart = np.array([_towards_ras(f, one, dims) for f in both]) - [_towards_ras(f, other, dims) for f in both]
        for axis in range(1 if dims == 3 else 2):  # nothing says which of two axes goes from left to right
            beside = np.abs(apart[:, axis]) > np.maximum(BESIDE, np.abs(np.delete(apart, axis, axis=1)).max(axis=1))
            if beside.mean() > MOST and abs(np.sign(apart[:, axis]).mean()) > MOST:
                found.append((one, other))
                break
    return tuple(found)


def _towards_ras(facts: CaseFacts, value: int, dims: int) -> list[float]:
    """Where a class lies, as shares of the image's size in the directions of RAS, or as stored in 2D."""
    place = facts.centroids[value]
    if dims == 3:
        place = tuple(1 - s if code in "LPI" else s for s, code in zip(place, facts.orientation, strict=True))
    return in_ras(facts.orientation, place, dims)
