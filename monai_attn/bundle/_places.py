"""Where a bundle is, and its parts."""

from os import PathLike
from typing import Any

from .._paths import explain_misreading, path_argument

__all__ = ["check_bundle_root", "path_in"]


def path_in(folder: Any, *parts: str) -> str:
    """Path of something in a folder, whatever MONAI's command line has made of the folder's name.

    Args:
        folder: as it arrived, see :func:`monai_attn.bundle.path_argument`.
        parts: what is in it, such as ``"models/model.pt"``.
    """
    return str(path_argument("bundle_root", folder).joinpath(*parts))


def check_bundle_root(bundle_root: str | PathLike[str]) -> None:
    """Raise ``FileNotFoundError`` unless a folder has ``configs/metadata.json``, as a bundle does."""
    root = path_argument("bundle_root", bundle_root)
    if not (root / "configs" / "metadata.json").is_file():
        raise FileNotFoundError(
            f"bundle_root='{root}' (that is '{root.resolve()}') is not a bundle{explain_misreading(bundle_root)}: "
            "pass --bundle_root <folder that holds configs/>, or start from inside it"
        )
