"""How much memory the machine has."""

import os

__all__ = ["half_of_memory_gb"]

FALLBACK_GB = 8.0  # on a system that does not say


def half_of_memory_gb() -> float:
    """Half of the machine's memory in 10**9 bytes: what one thing may take, with the rest of the program beside it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2e9
    except (ValueError, OSError, AttributeError):
        return FALLBACK_GB
