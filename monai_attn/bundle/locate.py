"""Where the bundles are: inside an installed wheel, or beside the package in a clone."""

from pathlib import Path

__all__ = ["bundle_dir"]

PACKAGE = Path(__file__).resolve().parents[1]
CLONE = PACKAGE.parent


def bundle_dir(name: str) -> Path:
    """Folder of a shipped bundle.

    Raises:
        ValueError: when there is no bundle of that name; the message lists those there are.
    """
    home = PACKAGE / "bundles"  # a wheel's; a folder of that name beside the package counts in a clone only
    if not home.is_dir() and (CLONE / "pyproject.toml").is_file():
        home = CLONE / "bundles"
    shipped = {path.parents[1].name: path.parents[1] for path in home.glob("*/configs/metadata.json")}
    if name not in shipped:
        raise ValueError(f"bundle '{name}' is not shipped: use one of {', '.join(sorted(shipped)) or '(none found)'}")
    return shipped[name]
