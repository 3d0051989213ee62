"""Values typed on the command line, held against those that the config has in their place."""

import math
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["check_values"]

NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
COUNTS = ("max_epochs", "val_interval", "repeats", "batch_size", "sw_batch_size")
RANGES = {
    **dict.fromkeys(COUNTS, (1, math.inf, "at least 1")),
    **dict.fromkeys(("num_workers", "freeze_encoder_epochs", "learning_rate"), (0, math.inf, "at least 0")),
    "cache_rate": (0, 1, "from 0 to 1"),
    "sw_overlap": (0, math.nextafter(1, 0), "at least 0 and less than 1"),
}


def check_values(config: dict[str, Any], overrides: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for the first value of another kind than the config's own, such as a word for a number.

    Python takes any word for true, ``false`` too, and numbers that are words fail far from where they were typed.

    Args:
        config: the merged config.
        overrides: values as they were typed, by id; expressions and references may be anything.
    """
    for override, value in overrides.items():
        node: Any = config
        for part in override.replace("#", "::").split("::"):
            node = node.get(part) if isinstance(node, dict) else None
        if isinstance(value, str) and not value.startswith(("$", "@", "%")):
            number = isinstance(node, int | float) and not isinstance(node, bool)
            if (isinstance(node, bool) or override == "amp") and value not in ("True", "False", "1", "0", ""):
                raise ValueError(
                    f"{override}='{value}' is neither True nor False: pass --{override} {node is not True}"
                )
            if number and override != "fold" and value != "None":  # folds may have names
                _check_number(override, value, node)
        if override == "patch_size" and isinstance(node, list) and isinstance(value, list):
            if len(value) == len(node) and all(NUMBER.fullmatch(size) for size in value):
                continue
            typed, right = ",".join(value), str(node).replace(" ", "")
            raise ValueError(f'patch_size=[{typed}] needs {len(node)} numbers: pass --patch_size "{right}"')


def _check_number(override: str, value: str, node: float) -> None:
    cure = f"pass one, such as --{override} {node}"
    if not NUMBER.fullmatch(value):
        raise ValueError(f"{override}='{value}' is no number: {cure}")
    if isinstance(node, int) and not float(value).is_integer():
        raise ValueError(f"{override}={value} is no whole number: {cure}")
    least, most, range_ = RANGES.get(re.split("::|#", override)[-1], (-math.inf, math.inf, ""))
    if not least <= float(value) <= most:
        raise ValueError(f"{override}={value} must be {range_}: {cure}")
