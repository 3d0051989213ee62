"""Checks of constructor arguments: every error names the argument, its value and the cure."""

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, TypeAlias

from monai.networks.layers import get_act_layer, get_norm_layer

__all__ = [
    "LayerName",
    "check_choice",
    "check_count",
    "check_flag",
    "check_fraction",
    "check_layers",
    "check_list",
    "check_spatial_dims",
    "layer_name",
    "per_axis",
]

LayerName: TypeAlias = str | tuple[str, dict[str, Any]]
"""A layer by MONAI's name, alone or with its arguments: ``"batch"``, ``("group", {"num_groups": 4})``."""


def check_spatial_dims(spatial_dims: Any) -> int:
    """Return ``spatial_dims`` if it is 2 or 3, else raise ``ValueError``."""
    if not isinstance(spatial_dims, int) or spatial_dims not in (2, 3):
        raise ValueError(f"spatial_dims={spatial_dims!r} is not supported: use 2 (images) or 3 (volumes)")
    return spatial_dims


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``choices``, else raise ``ValueError``."""
    if value not in choices:
        raise ValueError(f"{name}={value!r} is unknown: use {' or '.join(map(repr, choices))}")
    return value


def check_count(name: str, value: Any, least: int = 1) -> int:
    """Return ``value`` if it is an integer of at least ``least``, else raise ``ValueError``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r} must be a whole number of at least {least}")
    return int(value)


def check_flag(name: str, value: Any) -> bool:
    """Return ``value`` if it is ``True`` or ``False``, else raise ``ValueError`` (a text like "false" is not)."""
    if not isinstance(value, bool):
        raise ValueError(f"{name}={value!r} must be a truth value: use True or False, in JSON true or false")
    return value


def check_fraction(name: str, value: Any) -> float:
    """Return ``value`` if it lies in [0, 1), 0 for ``None``, else raise ``ValueError``."""
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"{name}={value!r} must be a number from 0 (off) to less than 1")
    return float(value)


def check_list(name: str, value: Any, example: str) -> Sequence[Any]:
    """Return ``value`` if it is a sequence, else raise ``ValueError`` with an ``example``."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{name}={value!r} must be a list such as {example}")
    return value if isinstance(value, Sequence) else list(value)


def check_layers(act: LayerName, norm: Any, adn_ordering: Any, spatial_dims: int, channels: Iterable[int]) -> None:
    """Raise ``ValueError`` if MONAI cannot build the activation, or the norm for each of these numbers of channels."""
    try:
        get_act_layer(act)
    except Exception as error:  # MONAI and torch raise what comes: KeyError, TypeError ...
        raise ValueError(
            f"act={act!r} is not an activation of MONAI's ({_short(error)}): use 'relu' or 'prelu'"
        ) from error
    if norm is not None and not isinstance(norm, (str, list, tuple)):
        raise ValueError(f"norm={norm!r} must be a name, or a name with arguments: use 'instance' or 'batch'")
    if layer_name(norm) == "layer":
        raise ValueError(
            f"norm={norm!r} normalises over one fixed image size, and a U-Net's levels have others: "
            "use 'instance', 'batch' or ('group', {'num_groups': 8})"
        )
    for count in channels:
        try:
            get_norm_layer(tuple(norm) if isinstance(norm, list) else norm or "", spatial_dims, count)
        except Exception as error:
            raise ValueError(
                f"norm={norm!r} cannot normalise {count} channels ({_short(error)}): "
                "use 'instance', 'batch' or ('group', {'num_groups': 8}) with channels that these divide"
            ) from error
    letters = list(adn_ordering) if isinstance(adn_ordering, str) else ["?"]
    if len(set(letters)) < len(letters) or not set(letters) <= set("NDA"):
        raise ValueError(
            f"adn_ordering={adn_ordering!r} must order N (norm), D (dropout) and A (activation): use 'NDA'"
        )


def layer_name(layer: Any) -> str:
    """Name of a layer in small letters, empty for none."""
    return "" if layer is None else str(layer if isinstance(layer, str) else layer[0]).lower()


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
    if isinstance(value, Iterable) and not isinstance(value, str):
        values: list[Any] = list(value)
    else:
        values = [value] * spatial_dims
    if len(values) != spatial_dims:
        raise ValueError(
            f"{name}={value!r} has {len(values)} numbers for {spatial_dims} spatial axes: give one, or one per axis"
        )
    for number in [check_count(name, number) for number in values]:
        if odd and number % 2 == 0:
            raise ValueError(f"{name}={value!r} is even: use an odd size such as {number + 1}, so that it has a centre")
    return tuple(int(number) for number in values)


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
