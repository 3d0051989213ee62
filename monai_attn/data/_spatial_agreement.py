"""Image and label must be turned, resampled and cut alike."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from monai.transforms import Randomizable, Transform
from monai.transforms.croppad import dictionary as cropping
from monai.transforms.spatial import dictionary as turning

__all__ = ["SPATIAL_ARGUMENTS", "require_spatial_agreement"]

SPATIAL_ARGUMENTS = (
    *("pixdim", "axcodes", "as_closest_canonical", "spatial_size", "size_mode", "zoom", "keep_size", "angle", "k"),
    *("spatial_axis", "spatial_axes", "spatial_border", "roi_size", "roi_scale", "slices", "method", "margin"),
)  # what decides where a voxel ends up, by the names of MONAI's attributes


def require_spatial_agreement(transform: Any, image: str = "image", label: str = "label") -> None:
    """Raise ``ValueError`` where a training run's transforms move an image and its label apart.

    Voxels of the label would stand for other places than those of the image, which shows where their sizes clash, and
    does not show where they are the same.

    Args:
        transform: a ``Compose`` of transforms of dictionaries; anything else passes.
        image: key of the image.
        label: key of the label.
    """
    steps = {key: list(_steps(transform, key, other)) for key, other in ((image, label), (label, image))}
    for k in range(max(map(len, steps.values()))):
        ours, theirs = (steps[key][k] if k < len(steps[key]) else None for key in (image, label))
        if ours != theirs:
            raise ValueError(
                f"{image} and {label} are moved apart in training: {_said(image, ours)}, {_said(label, theirs)}; give "
                "both the same, in image_transforms and label_transforms, or one step with both keys"
            )


def _steps(transform: Any, key: str, other: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What moves the voxels of ``key``: names of the transforms and their settings, in order."""
    for step in getattr(transform, "transforms", ()):
        if type(step).__module__ not in (cropping.__name__, turning.__name__) or key not in step.keys:
            continue
        if other in step.keys:
            continue  # moves both
        yield type(step).__name__, {} if isinstance(step, Randomizable) else _settings(step)


def _settings(step: Any, depth: int = 3) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in vars(step).items():
        if name in SPATIAL_ARGUMENTS and value is not None:
            found[name] = np.asarray(value).tolist()
        elif isinstance(value, Transform) and depth:
            found |= _settings(value, depth - 1)
    return found


def _said(key: str, step: tuple[str, dict[str, Any]] | None) -> str:
    if step is None:
        return f"no such step for {key}"
    name, settings = step
    return f"{name}({', '.join(f'{k}={v}' for k, v in settings.items())}) for {key}"
