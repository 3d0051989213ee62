"""Check overrides against the type and range of the values they replace."""

import re
from collections.abc import Mapping
from typing import Any

from ..data._spatial_agreement import SPATIAL_ARGUMENTS
from ._switches import RANGES, SWITCHES

__all__ = ["check_pairs", "check_values"]

NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
FLAGS = ("True", "False", "1", "0", "")


def check_values(config: dict[str, Any], overrides: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for the first value of another kind than the config's own, such as a word for a number.

    Python takes any word for true, ``false`` too, and numbers that are words fail far from where they were typed.

    Args:
        config: the merged config.
        overrides: values as they were typed, by id; expressions and references may be anything.
    """
    for override, value in overrides.items():
        parts = override.replace("#", "::").split("::")
        node: Any = config
        for part in parts:
            node = node.get(part) if isinstance(node, dict) else None
        if value == "None" and node is not None:
            raise ValueError(f"{override}=None would change nothing, since MONAI drops it: pass --{override} '$None'")
        kind = SWITCHES[parts[-1]].kind if parts[-1] in SWITCHES else None
        if isinstance(value, str) and not value.startswith(("$", "@", "%")):
            if (isinstance(node, bool) or kind == "flag") and value not in FLAGS:
                raise ValueError(
                    f"{override}='{value}' is neither True nor False: pass --{override} {node is not True}"
                )
            number = isinstance(node, int | float) and not isinstance(node, bool)
            if number and kind != "name":  # folds may have names
                _check_number(override, value, node, *(RANGES[kind] if kind in RANGES else RANGES["number"]))
        if kind == "sizes":
            _check_sizes(override, value, _resolved(config, node))


def check_pairs(config: dict[str, Any], overrides: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for an override that moves the image and not the label, or the other way round.

    Args:
        config: the merged config.
        overrides: values as they were typed, by id.
    """
    pairs = {"image_transforms": "label_transforms", "label_transforms": "image_transforms"}
    typed = {override.replace("#", "::"): value for override, value in overrides.items()}
    for override, value in typed.items():
        whole, _, rest = override.partition("::")
        index, _, argument = rest.partition("::")
        ours, theirs = config.get(whole), config.get(pairs.get(whole, ""))
        if argument not in SPATIAL_ARGUMENTS or not isinstance(ours, list) or not isinstance(theirs, list):
            continue
        target = ours[int(index)]["_target_"]
        for k, step in enumerate(theirs):
            other = f"{pairs[whole]}::{k}::{argument}"
            if step["_target_"] == target and typed.get(other) != value:
                shown = f'"[{",".join(value)}]"' if isinstance(value, list) else value
                raise ValueError(f"{override} alone moves image and label apart: pass --{other} {shown}, too")


def _resolved(config: dict[str, Any], node: Any) -> Any:
    """What a reference such as ``@patch_size`` stands for."""
    return config.get(node[1:]) if isinstance(node, str) and node.startswith("@") else node


def _check_sizes(override: str, value: str | list[str], node: Any) -> None:
    """One number for each axis: MONAI takes a lone number for all axes in some places and fails in others."""
    if not isinstance(node, list) or (isinstance(value, str) and value.startswith(("$", "@", "%"))):
        return
    typed = value if isinstance(value, list) else [value]
    if isinstance(value, str) or len(typed) != len(node) or not all(NUMBER.fullmatch(size) for size in typed):
        given, right = (f"[{','.join(value)}]" if isinstance(value, list) else value), str(node).replace(" ", "")
        raise ValueError(
            f'{override}={given} needs {len(node)} numbers, one for each axis: pass --{override} "{right}"'
        )


def _check_number(override: str, value: str, node: float, least: float, most: float, words: str) -> None:
    cure = f"pass one, such as --{override} {node}"
    if not NUMBER.fullmatch(value):
        raise ValueError(f"{override}='{value}' is not a number: {cure}")
    if isinstance(node, int) and not float(value).is_integer():
        raise ValueError(f"{override}={value} is not a whole number: {cure}")
    if not least <= float(value) <= most:
        raise ValueError(f"{override}={value} must be {words}: {cure}")
