"""Checks of constructor arguments: every error names the argument, its value and the cure."""

from collections.abc import Sequence
from typing import Any, TypeAlias

__all__ = ["LayerName", "check_choice", "check_count", "check_fraction", "check_norm", "check_spatial_dims", "per_axis"]

LayerName: TypeAlias = str | tuple[str, dict[str, Any]]
"""A layer by MONAI's name, alone or with its arguments: ``"batch"``, ``("group", {"num_groups": 4})``."""


def check_spatial_dims(spatial_dims: int) -> int:
    """Return ``spatial_dims`` if it is 2 or 3, else raise ``ValueError``."""
    if spatial_dims not in (2, 3):
        raise ValueError(f"spatial_dims={spatial_dims!r} is not supported: use 2 (images) or 3 (volumes)")
    return spatial_dims


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``choices``, else raise ``ValueError``."""
    if value not in choices:
        raise ValueError(f"{name}={value!r} is unknown: use {' or '.join(map(repr, choices))}")
    return value


def check_norm(norm: LayerName | None) -> LayerName | None:
    """Return ``norm`` unless it is MONAI's layer norm, which raises ``ValueError`` with the reason."""
    if layer_name(norm) == "layer":
        raise ValueError(
            f"norm={norm!r} normalises over one fixed image size, and a U-Net's levels have others: "
            "use 'instance', 'batch' or ('group', {'num_groups': 8})"
        )
    return norm


def layer_name(layer: LayerName | None) -> str:
    """Name of a layer in small letters, empty for none."""
    return "" if layer is None else str(layer if isinstance(layer, str) else layer[0]).lower()


def check_count(name: str, value: Any, least: int = 1) -> int:
    """Return ``value`` if it is an integer of at least ``least``, else raise ``ValueError``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name}={value!r} must be a whole number of at least {least}")
    return value


def check_fraction(name: str, value: Any) -> float:
    """Return ``value`` if it lies in [0, 1), else raise ``ValueError``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"{name}={value!r} must be a number from 0 (off) to less than 1")
    return float(value)


def per_axis(name: str, value: Sequence[int] | int, spatial_dims: int, odd: bool = False) -> tuple[int, ...]:
    """Spread one number over all spatial axes, or check that there is one number for each of them.

    Args:
        name: how the argument is called in an error message.
        value: one number for every axis, or a sequence of ``spatial_dims`` numbers.
        spatial_dims: number of spatial axes.
        odd: whether only odd numbers are allowed (convolution kernels, which must have a centre).

    Returns:
        ``spatial_dims`` numbers.

    Raises:
        ValueError: when the count of numbers is wrong, one is below 1, or one is even and ``odd`` is set.
    """
    values = (value,) * spatial_dims if isinstance(value, int) else tuple(value)
    if len(values) != spatial_dims:
        raise ValueError(
            f"{name}={value!r} has {len(values)} numbers for {spatial_dims} spatial axes: give one, or one per axis"
        )
    for number in values:
        check_count(name, number)
        if odd and number % 2 == 0:
            raise ValueError(f"{name}={value!r} is even: use an odd size such as {number + 1}, so that it has a centre")
    return values
