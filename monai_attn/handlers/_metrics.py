"""Metrics over cases and classes: absent classes are left out, distances are in mm where the spacing is real."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from monai.metrics import (
    DiceMetric,
    HausdorffDistanceMetric,
    SurfaceDiceMetric,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from torch import Tensor

__all__ = ["HausdorffDistance95", "MacroDice", "SurfaceDice", "is_better"]

UNITS = ("mm", "voxel")


class MacroDice(DiceMetric):
    """Dice averaged over cases within each class, then over classes.

    MONAI's own "mean" averages over the classes of each case first, which lets a class that few cases have count less.
    A class that is absent from a reference has no Dice in that case (NaN, not 0); absent from all, it does not count.

    Args:
        include_background: whether channel 0 counts. Default: no.
    """

    def __init__(self, include_background: bool = False) -> None:
        super().__init__(include_background=include_background, ignore_empty=True)

    def aggregate(self, reduction: Any = None) -> Tensor:  # noqa: ARG002 (MONAI's signature)
        """Return the mean as a scalar tensor, NaN when no case has any class."""
        return _macro_mean(self.get_buffer())  # type: ignore[no-untyped-call]


class HausdorffDistance95(HausdorffDistanceMetric):
    """95th percentile of the distances between the surfaces of prediction and reference (Hausdorff distance).

    NaN where the reference lacks the class, infinite where only the prediction does. The spacing comes from the
    reference's affine, as MONAI's ``LoadImage`` keeps it.

    Args:
        unit: "mm", or "voxel" where the spacing in the files means nothing.
    """

    def __init__(self, unit: str = "mm") -> None:
        super().__init__(include_background=False, percentile=95)
        self.unit = _check_unit(unit)

    def _compute_tensor(self, y_pred: Tensor, y: Tensor, **_: Any) -> Tensor:  # type: ignore[override]
        present, predicted = _present(y), _present(y_pred)
        distances = torch.full(present.shape, float("nan"))
        distances[present & ~predicted] = float("inf")
        for case, channel in (present & predicted).nonzero().tolist():
            one, other = (_plain(t)[case, channel + 1][None, None] for t in (y_pred, y))
            spacing = _spacing(y, self.unit)
            with _quietly():
                distance = compute_hausdorff_distance(one, other, True, percentile=95, spacing=spacing)
            distances[case, channel] = distance.flatten()[0]
        return distances

    def aggregate(self, reduction: Any = None) -> Tensor:  # noqa: ARG002 (MONAI's signature)
        """Return the mean over cases, then over classes, of the finite distances."""
        scores = self.get_buffer()  # type: ignore[no-untyped-call]
        return _macro_mean(torch.where(scores.isinf(), float("nan"), scores))


class SurfaceDice(SurfaceDiceMetric):
    """Share of both surfaces that lies within a tolerance of the other one (normalised surface Dice).

    NaN where the reference lacks the class, 0 where only the prediction does. Nikolov et al. 2018, arXiv:1809.04430.

    Args:
        tolerance: how far apart the surfaces may be, in ``unit``; one number for all classes.
        unit: "mm", or "voxel" where the spacing in the files means nothing.
    """

    def __init__(self, tolerance: float, unit: str = "mm") -> None:
        if not tolerance >= 0:
            raise ValueError(f"tolerance={tolerance} must not be negative: pass a distance in {unit}")
        super().__init__(class_thresholds=[tolerance], include_background=False)
        self.tolerance = tolerance
        self.unit = _check_unit(unit)

    def _compute_tensor(self, y_pred: Tensor, y: Tensor, **_: Any) -> Tensor:  # type: ignore[override]
        present, predicted = _present(y), _present(y_pred)
        scores = torch.full(present.shape, float("nan"))
        scores[present & ~predicted] = 0.0
        for case, channel in (present & predicted).nonzero().tolist():
            one, other = (_plain(t)[case, channel + 1][None, None] for t in (y_pred, y))
            spacing = _spacing(y, self.unit)
            with _quietly():
                score = compute_surface_dice(one, other, [self.tolerance], include_background=True, spacing=spacing)
            scores[case, channel] = score.flatten()[0]
        return scores

    def aggregate(self, reduction: Any = None) -> Tensor:  # noqa: ARG002 (MONAI's signature)
        """Return the mean over cases, then over classes."""
        return _macro_mean(self.get_buffer())  # type: ignore[no-untyped-call]


def is_better(score: float, best: float) -> bool:
    """Whether a score is the best so far: higher than the one before, or the first that is a number.

    For ``metric_cmp_fn`` of an evaluator. MONAI keeps the first score whatever it is, and nothing is higher than NaN.

    Args:
        score: of this validation.
        best: of those before.
    """
    return score > best or (math.isnan(best) and not math.isnan(score))


@contextmanager
def _quietly() -> Iterator[None]:
    """MONAI 1.6 warns its users that it passes a deprecated argument to itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _macro_mean(scores: Any) -> Tensor:
    if not isinstance(scores, Tensor):
        raise ValueError("no case was scored: run the metric on predictions and references first")
    return scores.nanmean(dim=0).nanmean()


def _check_unit(unit: str) -> str:
    if unit not in UNITS:
        raise ValueError(f"unit={unit!r} is unknown: use one of {', '.join(UNITS)}")
    return unit


def _present(one_hot: Tensor) -> Tensor:
    """Which classes each case has, background left out, shape (B, classes)."""
    return _plain(one_hot)[:, 1:].flatten(2).any(dim=2).cpu()


def _plain(tensor: Tensor) -> Tensor:
    as_tensor: Any = getattr(tensor, "as_tensor", None)
    return tensor if as_tensor is None else as_tensor()


def _spacing(reference: Tensor, unit: str) -> list[float]:
    """Size of a voxel along each spatial axis."""
    count = reference.ndim - 2
    affine: Any = getattr(reference, "affine", None)
    if unit == "voxel" or affine is None:
        return [1.0] * count
    matrix = np.asarray(affine.cpu(), float).reshape(-1, 4, 4)[0] if affine.shape[-1] == 4 else np.asarray(affine.cpu())
    return [float(np.linalg.norm(matrix[:-1, axis])) for axis in range(count)]
