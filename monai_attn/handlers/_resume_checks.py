"""What changed between a checkpoint and the training that goes on from it."""

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

__all__ = ["check_resumable", "digest"]

logger = logging.getLogger(__name__)


def digest(content: Any) -> str:
    """SHA-256 of plain values: equal ones have equal digests."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def check_resumable(
    path: str,
    state: Mapping[str, Any],
    settings: Mapping[str, Any],
    config: Mapping[str, str],
    data: Mapping[str, Mapping[str, str]],
) -> None:
    """Refuse what no training can go on with, and name in the log what else changed.

    Args:
        path: of the checkpoint.
        state: its content.
        settings: plain values of the config.
        config: digest of each top-level part that changes what is learnt; empty where they are not known.
        data: digest of each case's files by name, for each side.

    Raises:
        ValueError: on other classes or cases.
    """
    old, anew = state["settings"], f"or start anew with `pretrained` '{path}'"
    for key in [key for key, value in settings.items() if key in old and old[key] != value]:
        if key == "classes":
            raise ValueError(f"class_names={settings[key]} are not those of '{path}', {old[key]}: set them so, {anew}")
        logger.warning("%s=%s, until the checkpoint it was %s", key, settings[key], old[key])
    parts = state["config"]
    same_keys = parts.keys() & config.keys() - settings.keys()
    if differing := sorted(key for key in same_keys if parts[key] != config[key]):
        logger.warning("the config's %s changed since the checkpoint", ", ".join(differing))
    before, now = _by_case(state["data"]), _by_case(data)
    kinds = {
        "changed": [case for case in before if case in now and before[case][1] != now[case][1]],
        "is gone": [case for case in before if case not in now],
        "is new": [case for case in now if case not in before],
        "changed sides": [case for case in before if case in now and before[case][0] != now[case][0]],
    }
    for kind, found in kinds.items():
        if found:
            count = len({case for cases in kinds.values() for case in cases})
            raise ValueError(
                f"case '{found[0]}' {kind} since '{path}' ({count} case(s) differ, by sides too): restore the data "
                f"and the fold, {anew}"
            )


def _by_case(data: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, str]]:
    return {case: (side, content) for side, cases in data.items() for case, content in cases.items()}
