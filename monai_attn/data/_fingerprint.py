"""What a checked data set measures: the numbers that a plan is made from."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ._datalist import Description, describe_data
from .checks._report import CaseFacts, DataReport

__all__ = ["Fingerprint", "measure"]

AXES = ("LR", "PA", "IS")  # of images turned to RAS: pairs of directions, by axis
CT = re.compile(r"(?:^|[^A-Z])(?:CB|CE|NC)?CTA?(?:$|[^A-Z])|COMPUTED TOMOGRAPHY")
MR = re.compile(r"(?:^|[^A-Z])(?:MRI?|T1|T2|PD|FLAIR|DWI|ADC)|MAGNETIC RESONANCE")
AIR_HU = -200.0  # below it lies what only CT has: air, where MR has 0 and more


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


def measure(report: DataReport, modality: str | None = None) -> Fingerprint:
    """Sum up the cases of a report.

    Args:
        report: of :func:`monai_attn.data.check`.
        modality: "CT" or "MR"; by default what the data set says or its values show.

    Raises:
        ValueError: when the report has errors, or the modality is another.
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
    spacings = np.array([_in_ras(f, f.spacing_mm, dims) for f in facts])
    shapes = np.array([_in_ras(f, f.shape, dims) for f in facts])
    sizes = spacings.prod(axis=1)
    highest = max([*known.labels, *(value for f in facts for value in f.label_voxels)])
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
        class_names=_class_names(known.labels, highest),
        named=all(k in known.labels for k in range(1, highest + 1)),
        modality=kind,
        why_modality=why,
        spacing_mm=_floats(np.median(spacings, axis=0)),
        fine_spacing_mm=_floats(np.percentile(spacings, 10, axis=0)),
        shape=tuple(int(n) for n in np.median(shapes, axis=0)),
        extent_mm=_floats(np.median(shapes * spacings, axis=0)),
        channel_names=tuple(known.channels) if len(known.channels) == channels else (),
        zeros=float(np.median([f.zeros for f in facts])),
        foreground=_floats(np.mean(inside, axis=0)),
        class_volumes_mm3=tuple(float(np.median(v)) if v else 0.0 for v in volumes),
        thickness_mm=tuple(float(np.median(t)) if t else 0.0 for t in thickness),
    )


def _in_ras(facts: CaseFacts, values: tuple[float, ...], dims: int) -> list[float]:
    """Values by axis in the order of the axes after turning to RAS."""
    if dims == 2:
        return list(values[:2])
    order = [next(k for k, code in enumerate(facts.orientation) if code in axis) for axis in AXES]
    return [values[k] for k in order]


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
        split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", labels.get(k, ""))
        name = re.sub(r"\W+", "_", split).strip("_").lower() or f"class_{k}"
        names.append(f"{name}_{k}" if name in names else name)
    return tuple(names)


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
