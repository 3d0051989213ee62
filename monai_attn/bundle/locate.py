"""Where the bundles are: inside an installed wheel, or beside the package in a clone."""

from pathlib import Path

__all__ = ["bundle_dir"]

_PACKAGE = Path(__file__).resolve().parents[1]
_HOMES = (_PACKAGE / "bundles", _PACKAGE.parent / "bundles")


def bundle_dir(name: str) -> Path:
    """Folder of a shipped bundle.

    Raises:
        ValueError: when there is no bundle of that name; the message lists those there are.
    """
    shipped = {
        path.parents[1].name: path.parents[1] for home in _HOMES for path in home.glob("*/configs/metadata.json")
    }
    if name not in shipped:
        raise ValueError(f"bundle '{name}' is not shipped: use one of {', '.join(sorted(shipped)) or '(none found)'}")
    return shipped[name]
