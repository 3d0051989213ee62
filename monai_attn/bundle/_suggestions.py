"""Did you mean ...? The nearest name to one that is not there."""

import difflib

__all__ = ["nearest", "unknown_key"]


def nearest(name: str, known: list[str]) -> str | None:
    """The known name most like ``name``, ``None`` where none is near."""
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return found[0] if found else None


def unknown_key(where: str, key: str, known: list[str]) -> ValueError:
    """The error for a key that is not there, with the nearest one that is."""
    near = nearest(key, known)
    cure = f"did you mean '{near}'?" if near else "nothing of a similar name is there; correct it, or leave it out"
    if not near and len(known) <= 12:
        cure = f"known are {', '.join(sorted(known))}"
    return ValueError(f"{where} '{key}' is unknown: {cure}")
