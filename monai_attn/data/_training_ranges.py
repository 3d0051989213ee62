"""What the cases of a training run were like, so that later ones can be compared with them."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks._across_cases import AIR_HU
from .checks._report import CaseFacts

__all__ = ["AIR_HU", "TrainingRanges", "image_digest", "in_ras", "measure_ranges"]

AXES = ("LR", "PA", "IS")  # of images turned to RAS: pairs of directions, by axis

Range = tuple[float, float]


@dataclass(frozen=True)
class TrainingRanges:
    """Smallest and largest over the training cases; axes are those of images turned to RAS, or as stored in 2D.

    Attributes:
        cases: number of cases.
        spacing_mm: voxel size, by axis.
        field_of_view_mm: extent of the image, by axis.
        percentiles: 0.5th, 50th and 99.5th percentile of the first channel.
        volume_ml: of each class but the background; empty in 2D, and 0 mL for a class that a case does not have.
        images: a digest of each image's values, however they are stored, see :func:`image_digest`.
    """

    cases: int
    spacing_mm: tuple[Range, ...]
    field_of_view_mm: tuple[Range, ...]
    percentiles: tuple[Range, ...]
    volume_ml: tuple[Range, ...]
    images: tuple[str, ...] = ()

    @classmethod
    def from_note(cls, note: dict[str, Any]) -> "TrainingRanges | None":
        """What :meth:`to_note` gave; ``None`` for anything else."""
        try:
            names = ("spacing_mm", "field_of_view_mm", "percentiles", "volume_ml")
            ranges = {name: tuple((float(low), float(high)) for low, high in note[name]) for name in names}
            return cls(cases=int(note["cases"]), images=tuple(map(str, note["images"])), **ranges)
        except (KeyError, TypeError, ValueError):
            return None

    def to_note(self) -> dict[str, Any]:
        """As JSON can express it."""
        return asdict(self)

    @property
    def has_air(self) -> bool:
        """Whether all images had values that only air has, in HU."""
        return bool(self.percentiles) and self.percentiles[0][1] < AIR_HU


def measure_ranges(facts: Sequence[CaseFacts], spatial_dims: int, num_classes: int) -> TrainingRanges | None:
    """The ranges of inspected cases, ``None`` where there is none.

    Args:
        facts: what was measured of them.
        spatial_dims: of the network, 2 or 3.
        num_classes: with background.
    """
    whole = [f for f in facts if f.shape and f.spacing_mm and f.percentiles]
    if not whole:
        return None
    spacings = np.array([in_ras(f.orientation, f.spacing_mm, spatial_dims) for f in whole])
    shapes = np.array([in_ras(f.orientation, f.shape, spatial_dims) for f in whole])
    volumes = [
        [f.label_voxels.get(k, 0) * float(np.prod(f.spacing_mm)) / 1000 for k in range(1, num_classes)] for f in whole
    ]
    return TrainingRanges(
        cases=len(whole),
        spacing_mm=_ranges(spacings),
        field_of_view_mm=_ranges(spacings * shapes),
        percentiles=_ranges(np.array([f.percentiles[0] for f in whole])),
        volume_ml=_ranges(np.array(volumes)) if spatial_dims == 3 else (),
        images=tuple(sorted(image_digest(f) for f in whole)),
    )


def image_digest(facts: CaseFacts) -> str:
    """Tells an image, all its channels together, from others by its values; empty where they say nothing."""
    known = "".join(facts.contents)
    return hashlib.blake2b(known.encode(), digest_size=8).hexdigest() if known else ""


def in_ras(orientation: str, values: Sequence[float], spatial_dims: int) -> list[float]:
    """Values by axis in the order of the axes after turning to RAS, or as they are in 2D."""
    if spatial_dims == 2 or len(orientation) < len(AXES):
        return list(values[:spatial_dims])
    return [values[next(k for k, code in enumerate(orientation) if code in axis)] for axis in AXES]


def _ranges(rows: NDArray[np.floating[Any]]) -> tuple[Range, ...]:
    """Smallest and largest of each column, in four digits."""
    return tuple(
        (float(f"{low:.4g}"), float(f"{high:.4g}")) for low, high in zip(rows.min(0), rows.max(0), strict=True)
    )
