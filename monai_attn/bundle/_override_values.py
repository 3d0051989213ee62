"""Check overrides against the type and range of the values they replace."""

import math
import re
from collections.abc import Mapping
from typing import Any

from ._switches import RANGES, SWITCHES

__all__ = ["check_values"]

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
        kind = SWITCHES[parts[-1]].kind if parts[-1] in SWITCHES else None
        if isinstance(value, str) and not value.startswith(("$", "@", "%")):
            if (isinstance(node, bool) or kind == "flag") and value not in FLAGS:
                raise ValueError(
                    f"{override}='{value}' is neither True nor False: pass --{override} {node is not True}"
                )
            number = isinstance(node, int | float) and not isinstance(node, bool)
            if number and kind != "name" and value != "None":  # folds may have names
                _check_number(override, value, node, *RANGES.get(kind or "part", (-math.inf, math.inf, "")))
        if kind == "sizes" and isinstance(node, list) and isinstance(value, list):
            if len(value) == len(node) and all(NUMBER.fullmatch(size) for size in value):
                continue
            typed, right = ",".join(value), str(node).replace(" ", "")
            raise ValueError(f'{override}=[{typed}] needs {len(node)} numbers: pass --{override} "{right}"')


def _check_number(override: str, value: str, node: float, least: float, most: float, words: str) -> None:
    cure = f"pass one, such as --{override} {node}"
    if not NUMBER.fullmatch(value):
        raise ValueError(f"{override}='{value}' is not a number: {cure}")
    if isinstance(node, int) and not float(value).is_integer():
        raise ValueError(f"{override}={value} is not a whole number: {cure}")
    if not least <= float(value) <= most:
        raise ValueError(f"{override}={value} must be {words}: {cure}")
